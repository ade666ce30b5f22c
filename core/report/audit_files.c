/* Who can read the files. */
#include "core/report/audit.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define FOR_OTHERS 07
#define FOR_GROUP_AND_OTHERS 077

static void check_readers(struct audit *a, enum audit_rule rule, const char *path, const char *what)
{
    struct stat st;
    struct finding *f;

    if (path == NULL || path[0] != '/' || stat(path, &st) != 0 || (st.st_mode & FOR_OTHERS) == 0)
        return;
    f = findings_add(a->findings, rule, path, "%s can be opened by everybody on this host (mode %04o)", what,
                     (unsigned)st.st_mode & 07777);
    finding_advise(f, "chmod o= %s", path);
}

/* ---- secrets ---- */

/* Where the originals of the service manager's credentials are: the folder "secrets" beside the configuration. */
static bool secrets_folder(const struct config *c, char out[PATH_MAX])
{
    const char *slash = strrchr(c->file, '/');
    struct buf b = buf_over(out, PATH_MAX);

    if (slash != NULL)
        buf_add(&b, (struct slice){c->file, (size_t)(slash + 1 - c->file)});
    buf_addf(&b, "secrets");
    return !b.full;
}

/* The unit takes a copy of all that is in it. */
static void check_folder(struct audit *a)
{
    char path[PATH_MAX];
    struct finding *f;
    struct stat st;

    if (!secrets_folder(a->config, path) || stat(path, &st) != 0)
        return;
    if ((st.st_mode & FOR_GROUP_AND_OTHERS) != 0) {
        f = findings_add(a->findings, AUDIT_SECRETS, path,
                         "the folder of keys and secrets is open to others than its owner (mode %04o)",
                         (unsigned)st.st_mode & 07777);
        finding_advise(f, "chmod 700 %s", path);
    }
    if (st.st_uid != 0) {
        f = findings_add(a->findings, AUDIT_SECRETS, path, "the folder of keys and secrets belongs to user %lu",
                         (unsigned long)st.st_uid);
        finding_advise(f, "chown root:root %s", path);
    }
}

/* A bare name is one of the credentials: its original is in the folder, which may be open. */
static void check_secret(struct audit *a, const char *name, const char *what)
{
    char path[PATH_MAX];
    struct stat folder;
    struct buf b;

    if (name == NULL || name[0] == '/') {
        check_readers(a, AUDIT_SECRETS, name, what);
        return;
    }
    if (!secrets_folder(a->config, path) || stat(path, &folder) != 0 || (folder.st_mode & FOR_OTHERS) == 0)
        return;
    b = (struct buf){path, sizeof path, strlen(path), false};
    buf_addf(&b, "/%s", name);
    if (!b.full)
        check_readers(a, AUDIT_SECRETS, path, what);
}

static void check_exchange(struct audit *a, const struct exchange_config *x)
{
    check_secret(a, x->secret_file, "the application's secret");
    check_secret(a, x->key_file, "the application's key");
    check_secret(a, x->passphrase_file, "the key's passphrase");
    check_secret(a, x->federated_token_file, "the application's token");
    if (x->key_file == NULL) /* then the key is in there */
        check_secret(a, x->certificate_file, "the application's certificate with its key");
}

void audit_files(struct audit *a)
{
    const struct config *c = a->config;

    check_folder(a);
    for (size_t i = 0; i < c->n_tenants; i++)
        check_exchange(a, &c->tenants[i].exchange);
    for (size_t i = 0; i < c->n_alerts; i++) {
        check_secret(a, c->alerts[i].secret_file, "the key that signs notices");
        check_secret(a, c->alerts[i].url_file, "the webhook's address");
    }
    if (c->cluster.configured) {
        check_secret(a, c->cluster.key_file, "the cluster's key");
        check_secret(a, c->cluster.password_file, "the password for Redis");
    }
    check_readers(a, AUDIT_DATA_FILES, c->state_path, "the state");
    check_readers(a, AUDIT_DATA_FILES, c->directory, "the directory");
    if (c->journal[0] != '\0')
        check_readers(a, AUDIT_DATA_FILES, c->journal, "the journal");
    if (c->n_alerts > 0)
        check_readers(a, AUDIT_DATA_FILES, c->spool, "the spool");
}
