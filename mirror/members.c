#include "mirror/members.h"

#include "core/base/guid.h"

#include <stdlib.h>

#define PERMISSION                                                                                                     \
    "the Exchange role View-Only Recipients (in the role group View-Only Organization Management), or the Entra role " \
    "Global Reader"

/* The groups of the tenant, and which of them were asked about. */
struct known_group {
    struct mailbox_id id;
    bool wanted, asked;
};

struct walk {
    struct exchange *x;
    struct gathered *g;
    struct known_group *groups;
    size_t n;
};

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mailbox_id));
}

/* Is one of its names a trustee's, or a member's? 1 or 0, or -1 with e. */
static int is_named(struct gathered *g, const struct sheet_row *row, struct error *e)
{
    const struct slice single[] = {row->primary, row->name};
    struct slice lists[] = {row->proxies, row->names}, name;
    int found = 0;

    for (size_t i = 0; i < sizeof single / sizeof single[0] && found == 0; i++)
        found = rights_names_trustee(g->rights, single[i], e);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        while (found == 0 && packed_next(&lists[i], &name))
            found = rights_names_trustee(g->rights, name, e);
    return found;
}

/* Finds the groups, and those that are wanted first. Rows without a Guid can't be asked about. */
static int find_groups(struct walk *w, struct error *e)
{
    struct sheet *sheet = w->g->recipients;
    struct sheet_row row;

    w->groups = calloc(sheet_count(sheet) + 1, sizeof *w->groups);
    if (w->groups == NULL)
        return error_set(e, "no memory for %zu groups", sheet_count(sheet));
    for (size_t i = 0; i < sheet_count(sheet); i++) {
        int named;

        if (sheet_get(sheet, i, &row, e) != 0)
            return -1;
        if ((row.says & SAYS_MEMBERS) == 0 || !row.has_guid)
            continue;
        if ((named = is_named(w->g, &row, e)) < 0)
            return -1;
        w->groups[w->n++] = (struct known_group){.id = row.id, .wanted = named > 0};
    }
    if (w->n > 0)
        qsort(w->groups, w->n, sizeof *w->groups, by_id);
    return 0;
}

static struct known_group *find(const struct walk *w, const struct mailbox_id *id)
{
    return w->n == 0 ? NULL : bsearch(id, w->groups, w->n, sizeof *w->groups, by_id);
}

/* One group: its own members. */
static enum exchange_result fetch_group(struct walk *w, const struct mailbox_id *id, struct error *e)
{
    char parameters[128];
    struct buf b = BUF_OVER(parameters);
    struct series series = {.parameters = parameters, .kind = KIND_GROUP_MEMBER, .needs = 0, .permission = PERMISSION};
    struct series_count count;
    enum exchange_result result;

    guid_write(id->b, w->g->group);
    buf_addf(&b, "{\"Identity\":\"%s\",\"ResultSize\":\"Unlimited\"}", w->g->group);
    if (rights_add_member(w->g->rights, slice_of(w->g->group), (struct slice){NULL, 0}, e) != 0)
        return EXCHANGE_FAILED;
    result = series_fetch(w->x, &series, w->g, &count, e);
    if (result == EXCHANGE_NOT_FOUND)
        result = EXCHANGE_OK;
    else if (result != EXCHANGE_OK)
        (void)error_prefix(e, "group %s", w->g->group);
    w->g->group[0] = '\0';
    return result;
}

/* Groups that are members of those that were read are wanted too. True when there was one. */
static bool want_inner(struct walk *w)
{
    bool any = false;

    for (size_t i = 0; i < w->g->n_inner; i++) {
        struct known_group *inner = find(w, &w->g->inner[i]);

        if (inner == NULL || inner->wanted)
            continue;
        inner->wanted = any = true;
    }
    w->g->n_inner = 0;
    return any;
}

static enum exchange_result fetch_wanted(struct walk *w, struct members_report *report, struct error *e)
{
    do {
        for (size_t i = 0; i < w->n; i++) {
            enum exchange_result result;

            if (!w->groups[i].wanted || w->groups[i].asked)
                continue;
            if (report->groups == MEMBERS_GROUPS_MAX) {
                session_say(&w->x->session,
                            "the members of %u groups were read; more groups hold rights, which are "
                            "left out",
                            report->groups);
                return EXCHANGE_OK;
            }
            w->groups[i].asked = true;
            result = fetch_group(w, &w->groups[i].id, e);
            if (result != EXCHANGE_OK)
                return result;
            report->groups++;
        }
    } while (want_inner(w));
    return EXCHANGE_OK;
}

enum exchange_result members_fetch(struct exchange *x, struct gathered *g, struct members_report *report,
                                   struct error *e)
{
    struct walk w = {.x = x, .g = g};
    struct gather_mark mark = gather_mark(g);
    enum exchange_result result;

    *report = (struct members_report){0};
    result = find_groups(&w, e) != 0 ? EXCHANGE_FAILED : fetch_wanted(&w, report, e);
    if (result != EXCHANGE_OK)
        gather_take_back(g, KIND_GROUP_MEMBER, &mark);
    else if (report->groups > 0)
        session_say(&x->session, "%s: %u groups", kind_name(KIND_GROUP_MEMBER), report->groups);
    free(w.groups);
    return result;
}
