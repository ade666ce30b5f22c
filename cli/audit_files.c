/* Who can read the files. */
#include "cli/audit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static void check(struct audit *a, enum audit_rule rule, const char *path, const char *what)
{
    struct stat st;
    struct finding *f;

    /* A bare name is one of the service manager's credentials: those are private already. */
    if (path == NULL || path[0] != '/' || stat(path, &st) != 0 || (st.st_mode & 07) == 0)
        return;
    f = findings_add(a->findings, rule, path, "%s can be opened by everybody on this host (mode %04o)", what,
                     (unsigned)st.st_mode & 07777);
    finding_advise(f, "chmod o= %s", path);
}

static void check_exchange(struct audit *a, const struct exchange_config *x)
{
    check(a, AUDIT_SECRETS, x->secret_file, "the application's secret");
    check(a, AUDIT_SECRETS, x->key_file, "the application's key");
    check(a, AUDIT_SECRETS, x->passphrase_file, "the key's passphrase");
    check(a, AUDIT_SECRETS, x->federated_token_file, "the application's token");
    if (x->key_file == NULL) /* then the key is in there */
        check(a, AUDIT_SECRETS, x->certificate_file, "the application's certificate with its key");
}

void audit_files(struct audit *a)
{
    const struct config *c = a->config;

    for (size_t i = 0; i < c->n_tenants; i++)
        check_exchange(a, &c->tenants[i].exchange);
    for (size_t i = 0; i < c->n_alerts; i++) {
        check(a, AUDIT_SECRETS, c->alerts[i].secret_file, "the key that signs notices");
        check(a, AUDIT_SECRETS, c->alerts[i].url_file, "the webhook's address");
    }
    check(a, AUDIT_DATA_FILES, c->state_path, "the state");
    check(a, AUDIT_DATA_FILES, c->directory, "the directory");
    if (c->journal[0] != '\0')
        check(a, AUDIT_DATA_FILES, c->journal, "the journal");
    if (c->n_alerts > 0)
        check(a, AUDIT_DATA_FILES, c->spool, "the spool");
}
