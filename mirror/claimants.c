#include "mirror/claimants.h"

int claimants_open(struct claimants *w, const char *directory, struct slice tenant, struct error *e)
{
    *w = (struct claimants){.directory = NULL};
    if (directory_open(directory, &w->directory, e) != 0) {
        w->directory = NULL;
        return -1;
    }
    if (directory_refresh(w->directory, e) < 0) {
        claimants_close(w);
        return -1;
    }
    w->view = directory_view_get(w->directory);
    w->facts = w->view != NULL ? directory_tenant_named(w->view, tenant) : NULL;
    return 0;
}

void claimants_close(struct claimants *w)
{
    if (w->view != NULL)
        directory_view_put(w->directory, w->view);
    if (w->directory != NULL)
        directory_close(w->directory);
    *w = (struct claimants){.directory = NULL};
}

unsigned claimants_find(const struct claimants *w, struct slice name, struct address primary[DIRECTORY_CLAIMS_MAX])
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct login login;
    unsigned n = 0, found = 0;

    if (w->facts == NULL)
        return 0;
    login_parse(name, &login);
    if (login.kind != LOGIN_ADDRESS ||
        directory_by_address(w->view, w->facts->tenant, address_slice(&login.address), refs, &n) != DIRECTORY_FOUND)
        return 0;
    for (unsigned i = 0; i < n; i++)
        found += directory_primary(w->view, w->facts->tenant, &refs[i].id, &primary[found]) == DIRECTORY_FOUND;
    return found;
}
