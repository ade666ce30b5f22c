/* postern web-user: who may use the web program, by password or by token. */
#include "cli/commands.h"
#include "cli/file_edit.h"
#include "cli/password.h"
#include "core/access/accounts.h"
#include "core/base/units.h"
#include "core/config/config_table.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WEB_GROUP "postern-web"
#define LINE_CAP (ACCOUNT_NAME_MAX + SCOPE_MAX + PASSWORD_HASH_MAX + 64)

struct wanted {
    const char *role_word, *tenants, *expires;
    enum role role;
    struct slice name;
};

/* ---- the file ---- */

/* An empty one, for root to write and the program's group to read. 0 also where it is there. */
static int make_file(const char *path, struct error *e)
{
    const struct group *group = getgrnam(WEB_GROUP);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), rc;

    if (fd < 0)
        return errno == EEXIST ? 0 : error_set(e, "%s: %s", path, strerror(errno));
    rc = group != NULL && geteuid() == 0 ? fchown(fd, 0, group->gr_gid) : 0;
    if (rc != 0 || fchmod(fd, 0640) != 0)
        rc = error_set(e, "%s: %s", path, strerror(errno));
    (void)close(fd);
    return rc;
}

/* The text without the account's line; comments stay. */
static void copy_others(struct buf *out, struct slice text, const struct account *old)
{
    while (text.n > 0) {
        struct slice line;
        bool ended = slice_cut(text, '\n', &line, &text);

        if (old != NULL && slice_eq(slice_trim(line), old->line))
            continue;
        buf_add(out, line);
        if (ended || text.n == 0)
            buf_add_char(out, '\n');
    }
}

/* Puts the line in the place of the account's, or removes that with an empty one. 1: there was one; 0; -1 with e. */
static int replace(const char *path, struct slice name, struct slice line, struct error *e)
{
    struct accounts before = {.n = 0}, after = {.n = 0};
    const struct account *old = NULL;
    struct file_edit x;
    struct buf b;
    int rc = file_edit_begin(&x, path, e);

    if (rc == 0 && (rc = accounts_parse(x.text, path, &before, e)) == 0) {
        size_t cap = x.text.n + line.n + 3;

        old = accounts_named(&before, name);
        if ((x.made = malloc(cap)) == NULL) {
            rc = error_set(e, "no memory");
        } else {
            b = buf_over(x.made, cap);
            copy_others(&b, x.text, old);
            if (line.n > 0)
                buf_addf(&b, "%.*s\n", SLICE_ARG(line));
            x.made_n = b.n;
            /* What was made must read back, else nobody could sign in any more. */
            rc = accounts_parse(buf_slice(&b), path, &after, e);
        }
    }
    if (rc == 0 && (old != NULL || line.n > 0))
        rc = file_edit_publish(&x, e);
    rc = rc == 0 && old != NULL ? 1 : rc;
    file_edit_end(&x);
    accounts_free(&before);
    accounts_free(&after);
    return rc;
}

/* ---- what is wanted ---- */

static int read_wanted(const struct cli *cli, struct wanted *w, const char *name)
{
    struct slice rest = slice_of(w->tenants), one;
    struct error e;

    w->name = slice_of(name);
    if (!account_name_is_right(w->name))
        return cli_usage(cli, "a name has up to %u letters, digits and . _ @ + - and begins with a letter or digit",
                         ACCOUNT_NAME_MAX);
    if (w->role_word == NULL)
        return cli_usage(cli, "--role is missing: viewer, reader, operator or admin");
    if (role_find(slice_of(w->role_word), &w->role, &e) != 0)
        return cli_usage(cli, "--role: %s", e.text);
    if (scope_check(w->role, rest, &e) != 0)
        return cli_usage(cli, "--tenants: %s", e.text);
    while (!scope_is_all(rest) && rest.n > 0) {
        char text[SCOPE_MAX + 1];

        (void)slice_cut(rest, ',', &one, &rest);
        (void)snprintf(text, sizeof text, "%.*s", SLICE_ARG(one));
        if (!tenant_is_known(cli->files.config, text))
            return cli_fail(cli, "--tenants: there is no tenant \"%s\" in %s", text, cli->files.config->file);
    }
    return CLI_OK;
}

/* Twice on the terminal; from the standard input where that is none. */
static int read_password(char out[PASSWORD_MAX + 1], struct error *e)
{
    char again[PASSWORD_MAX + 1];
    int rc;

    if (!isatty(STDIN_FILENO))
        rc = password_read(STDIN_FILENO, out, e);
    else if ((rc = password_ask("Password: ", out, e)) == 0 && (rc = password_ask("Again: ", again, e)) == 0 &&
             strcmp(out, again) != 0)
        rc = error_set(e, "these are two different passwords");
    if (rc == 0 && (strlen(out) < PASSWORD_BYTES_MIN || strlen(out) > PASSWORD_BYTES_MAX))
        rc = error_set(e, "a password has %u to %u bytes", PASSWORD_BYTES_MIN, PASSWORD_BYTES_MAX);
    explicit_bzero(again, sizeof again);
    return rc;
}

static void log_change(const struct cli *cli, const char *change, const struct wanted *w, const char *name)
{
    cli_log(cli, "web-user",
            (const struct cli_field[]){{"change", change},
                                       {"name", name},
                                       {"role", w->role_word != NULL ? w->role_word : "none"},
                                       {"tenants", w->tenants}},
            4);
}

static int put(const struct cli *cli, const struct wanted *w, const char *change, const char *secret)
{
    const char *path = cli->files.config->web.users;
    char line[LINE_CAP];
    struct buf b = BUF_OVER(line);
    struct error e;
    int rc;

    buf_addf(&b, "%.*s:%s:%s:%s", SLICE_ARG(w->name), w->role_word, w->tenants, secret);
    if (make_file(path, &e) != 0 || (rc = replace(path, w->name, buf_slice(&b), &e)) < 0)
        return cli_fail(cli, "%s", e.text);
    log_change(cli, change, w, w->name.p);
    fprintf(stderr, "%s: %s %s\n", path, rc > 0 ? "changed" : "added", w->name.p);
    if (getgrnam(WEB_GROUP) == NULL)
        fprintf(stderr, "There is no group " WEB_GROUP " on this machine yet: postern-web must be able to read %s.\n",
                path);
    return CLI_OK;
}

/* ---- what there is to do ---- */

static int add(struct cli *cli, struct wanted *w, const char *name)
{
    char password[PASSWORD_MAX + 1], hash[PASSWORD_HASH_MAX];
    int status = read_wanted(cli, w, name), rc;
    struct error e;

    if (status != CLI_OK)
        return status;
    if (w->expires != NULL)
        return cli_usage(cli, "--expires is for tokens");
    if (w->role == ROLE_METRICS)
        return cli_usage(cli, "role metrics is for tokens: postern web-user token %s --role metrics", name);
    rc = read_password(password, &e) != 0 ? -1 : password_hash(password, hash, &e);
    explicit_bzero(password, sizeof password);
    return rc != 0 ? cli_fail(cli, "%s", e.text) : put(cli, w, "add", hash);
}

static int token(struct cli *cli, struct wanted *w, const char *name)
{
    char text[TOKEN_TEXT_MAX], digest[DIGEST_TEXT_MAX], secret[DIGEST_TEXT_MAX + 40];
    int status = read_wanted(cli, w, name);
    uint64_t seconds = 0;
    struct error e;

    if (status != CLI_OK)
        return status;
    if (w->expires == NULL)
        return cli_usage(cli, "--expires is missing: a time such as 90d, or never");
    if (strcmp(w->expires, "never") != 0) {
        if (duration_parse(slice_of(w->expires), &seconds, &e) != 0)
            return cli_usage(cli, "--expires: %s", e.text);
        if (seconds == 0) /* which the file takes for never */
            return cli_usage(cli, "--expires: a token for %s would be good for nothing", w->expires);
    }
    if (token_make(text, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    access_digest(slice_of(text), SLICE(""), digest);
    (void)snprintf(secret, sizeof secret, "sha256$%s:%llu", digest,
                   seconds > 0 ? (unsigned long long)time(NULL) + seconds : 0ULL);
    if ((status = put(cli, w, "token", secret)) != CLI_OK)
        return status;
    printf("%s\n", text);
    return fflush(stdout) == 0 ? CLI_OK : cli_fail(cli, "cannot write the output: %s", strerror(errno));
}

static int take_away(const struct cli *cli, const struct wanted *w, const char *name)
{
    const char *path = cli->files.config->web.users;
    struct error e;
    int rc;

    if (!account_name_is_right(slice_of(name)))
        return cli_usage(cli, "that is no name of an account");
    if ((rc = replace(path, slice_of(name), SLICE(""), &e)) < 0)
        return cli_fail(cli, "%s", e.text);
    if (rc == 0)
        return cli_fail(cli, "%s has no %s", path, name);
    log_change(cli, "remove", w, name);
    fprintf(stderr, "%s: removed %s\n", path, name);
    return CLI_OK;
}

static int list(struct cli *cli)
{
    static const struct column columns[] = {
        {"name", VALUE_TEXT}, {"role", VALUE_TEXT}, {"tenants", VALUE_TEXT}, {"by", VALUE_TEXT}, {"until", VALUE_TIME}};
    const char *path = cli->files.config->web.users;
    struct accounts accounts = {.n = 0};
    struct printer *out;
    struct error e;

    if (access(path, F_OK) == 0 && accounts_load(path, &accounts, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    if ((out = cli_printer(cli)) == NULL) {
        accounts_free(&accounts);
        return CLI_FAILED;
    }
    out->table(out, &(struct table){TABLE_COLUMNS(columns), .empty = "nobody may use the web program yet"});
    for (size_t i = 0; i < accounts.n; i++) {
        const struct account *a = &accounts.rows[i];

        out->row(out,
                 (const struct value[]){value_text(a->name), value_word(role_word(a->role)), value_text(a->tenants),
                                        value_word(a->is_token ? "token" : "password"), value_time(a->until_s)});
    }
    out->end(out);
    accounts_free(&accounts);
    return cli_finish(cli, out);
}

int cmd_web_user(struct cli *cli, int argc, char **argv)
{
    enum { ROLE = 256, TENANTS, EXPIRES };
    static const struct option options[] = {{"role", required_argument, NULL, ROLE},
                                            {"tenants", required_argument, NULL, TENANTS},
                                            {"expires", required_argument, NULL, EXPIRES},
                                            CLI_OUTPUT_OPTIONS,
                                            CLI_LAST_OPTIONS};
    struct wanted w = {.tenants = SCOPE_ALL};
    struct slice what;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        *(option == ROLE ? &w.role_word : option == TENANTS ? &w.tenants : &w.expires) = optarg;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 1, 2)) != CLI_OK)
        return status;
    what = slice_of(argv[optind]);
    if (slice_eq(what, SLICE("list")) != (argc - optind == 1))
        return cli_usage(cli, "expected list, or add, remove or token and a name");
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    if (slice_eq(what, SLICE("list")))
        return list(cli);
    if (slice_eq(what, SLICE("add")))
        return add(cli, &w, argv[optind + 1]);
    if (slice_eq(what, SLICE("token")))
        return token(cli, &w, argv[optind + 1]);
    if (slice_eq(what, SLICE("remove")))
        return take_away(cli, &w, argv[optind + 1]);
    return cli_usage(cli, "expected add, remove, list or token");
}
