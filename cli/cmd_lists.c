/* postern allow, postern deny, postern forget: the operator's own lists of mailboxes, or those of all the cluster. */
#include "cli/cluster_request.h"
#include "cli/commands.h"
#include "cli/known.h"
#include "cli/list_edit.h"
#include "core/base/caller.h"

#include <limits.h>
#include <time.h>
#include <unistd.h>

/* The entry in canonical text: an address, "@domain" or an account. */
static int parse_entry(struct slice text, struct buf *out, struct error *e)
{
    char domain[ADDRESS_MAX + 1], shown[160];
    struct buf b = BUF_OVER(shown);
    struct login login;
    size_t n;

    if (text.n > 1 && text.p[0] == '@') {
        if (domain_canonical((struct slice){text.p + 1, text.n - 1}, domain, sizeof domain, &n)) {
            buf_add_char(out, '@');
            buf_add(out, (struct slice){domain, n});
            return 0;
        }
    } else {
        login_parse(text, &login);
        login_add(out, &login);
        if (out->n > 0)
            return 0;
    }
    text_add_plain(&b, text);
    return error_set(e, "\"%s\": expected an address, @domain or an account name", shown);
}

static void add_relay(struct buf *comment, const struct config *config)
{
    char name[HOST_NAME_MAX + 1] = "";

    if (config->cluster.node == NULL && gethostname(name, sizeof name) != 0)
        name[0] = '\0';
    name[HOST_NAME_MAX] = '\0';
    buf_add(comment, SLICE(" at "));
    text_add_plain(comment, slice_of(config->cluster.node != NULL ? config->cluster.node : name));
}

/* cluster: the configuration where it goes to all relays, so that they know from which one; else NULL. */
static void say_comment(struct buf *b, const char *what, const struct config *cluster, const char *reason)
{
    char caller[CALLER_NAME_MAX], plain[4 * TEXT_SHOWN_MAX + 8];
    struct slice who = caller_name(caller);
    time_t now = time(NULL);

    buf_addf(b, "%s ", what);
    text_add_utc_time(b, now);
    buf_addf(b, " by %.*s", SLICE_ARG(who));
    if (cluster != NULL)
        add_relay(b, cluster);
    if (reason == NULL)
        return;
    buf_add(b, SLICE(": "));
    buf_add(b, slice_of(text_plain(plain, sizeof plain, slice_of(reason))));
}

/* What the command does with each of the two lists. */
enum change { ADD, REMOVE };

struct task {
    enum change allow, deny;
    enum list_state state; /* the same, for the cluster */
    const char *comment;
};

struct list_options {
    const char *reason;
    bool force, cluster;
};

static int change_one(struct cli *cli, const struct list *list, const char *setting, enum change change,
                      struct slice entry, struct slice comment)
{
    const char *path = list_path(list);
    char shown[4 * TEXT_SHOWN_MAX + 8];
    struct error e;
    int rc;

    if (path == NULL && change == REMOVE)
        return CLI_OK;
    if (path == NULL)
        return cli_fail(cli, "there is no list to put it into: set smtp_auth.%s in %s, and create the file", setting,
                        cli->files.config->file);
    rc = change == ADD ? list_edit_add(path, entry, comment, &e) : list_edit_remove(path, entry, &e);
    if (rc < 0)
        return cli_fail(cli, "%s", e.text);
    (void)text_plain(shown, sizeof shown, entry);
    if (change == ADD)
        printf("%s: %s %s\n", path, rc > 0 ? "added" : "has it already:", shown);
    else if (rc > 0)
        printf("%s: removed %s\n", path, shown);
    return CLI_OK;
}

static bool is_in_either(const struct smtp_auth_config *auth, struct slice entry)
{
    return list_has(auth->allow, entry, NULL) || list_has(auth->deny, entry, NULL);
}

/*
 * What goes into the file, canonical. A display name or a Guid becomes the mailbox's address, since the services read
 * logins there and nothing else. With --force the name stands as it was typed, whoever has it.
 */
static int find_entry(const struct cli *cli, const char *user, bool force, struct known *known, struct buf *entry)
{
    struct error e;

    *known = (struct known){.checked = false};
    if (!force && !(parse_entry(slice_of(user), entry, NULL) == 0 &&
                    is_in_either(&cli->files.config->smtp_auth, buf_slice(entry)))) {
        known_user(cli, slice_of(user), known);
        if ((user = known_login(cli, user, known)) == NULL)
            return CLI_FAILED;
    }
    entry->n = 0;
    return parse_entry(slice_of(user), entry, &e) == 0 ? CLI_OK : cli_usage(cli, "%s", e.text);
}

/* A wrong entry in a list may go unnoticed for long; and what is to be removed should exist. */
static int check_name(const struct cli *cli, const struct task *task, const struct known *known, struct slice entry,
                      bool cluster)
{
    const struct config *config = cli->files.config;
    char shown[4 * TEXT_SHOWN_MAX + 8], hint[4 * ADDRESS_MAX + 40];

    (void)text_plain(shown, sizeof shown, entry);
    if (task->state == LIST_FORGOTTEN)
        return (cluster ? list_is_shared(config, LIST_ALLOWED, entry) || list_is_shared(config, LIST_DENIED, entry)
                        : is_in_either(&config->smtp_auth, entry))
                   ? CLI_OK
                   : cli_fail(cli, "\"%s\" is in neither of the two lists%s", shown, cluster ? " of the cluster" : "");
    if (!known->checked || known->exists)
        return CLI_OK;
    return cli_fail(cli, "no %s has the name \"%s\"%s; --force adds it anyway",
                    entry.p[0] == '@' ? "tenant" : "mailbox", shown, known_hint(known, hint, sizeof hint));
}

/* ---- this relay's own lists ---- */

/* The cluster's lists are read beside these: what they say may be the opposite of what was asked for. */
static int check_shared(const struct cli *cli, const struct task *task, struct slice entry)
{
    const struct config *config = cli->files.config;
    bool denied = list_is_shared(config, LIST_DENIED, entry),
         allowed = task->state == LIST_FORGOTTEN && list_is_shared(config, LIST_ALLOWED, entry);

    if (task->state == LIST_DENIED || (!denied && !allowed))
        return CLI_OK;
    return cli_fail(cli, "the cluster's lists %s it, which holds: --cluster changes them, on all relays",
                    denied ? "deny" : "allow");
}

static int change_own(struct cli *cli, const struct task *task, struct slice entry, struct slice comment)
{
    const struct smtp_auth_config *auth = &cli->files.config->smtp_auth;
    int status;

    /* Adds first: if killed in between, the entry is in both lists, and deny wins. */
    if (task->deny == ADD) {
        status = change_one(cli, auth->deny, "deny_file", ADD, entry, comment);
        if (status == CLI_OK)
            status = change_one(cli, auth->allow, "allow_file", REMOVE, entry, comment);
    } else {
        status = change_one(cli, auth->allow, "allow_file", task->allow, entry, comment);
        if (status == CLI_OK)
            status = change_one(cli, auth->deny, "deny_file", REMOVE, entry, comment);
    }
    return status == CLI_OK ? check_shared(cli, task, entry) : status;
}

/* ---- the cluster's lists ---- */

/* This relay's own lists stay as they are; deny wins, in whichever it is. */
static void tell_own(const struct cli *cli, const struct list *list, struct slice entry, const char *what)
{
    const char *path = list_path(list);
    struct list *own = NULL;

    if (path != NULL && list_load(path, &own, NULL) == 0 && list_has(own, entry, NULL))
        (void)cli_fail(cli, "%s %s it, on this relay alone: without --cluster it is changed there", path, what);
    list_free(own);
}

static int change_shared(struct cli *cli, const struct task *task, struct slice entry, struct slice comment)
{
    const struct config *config = cli->files.config;
    const struct list_note note = {task->state, 0, entry, comment};
    char shown[4 * TEXT_SHOWN_MAX + 8];
    struct error e;

    if (list_request(config, &note, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    printf("all relays of the cluster: %s %s\n", task->comment, text_plain(shown, sizeof shown, entry));
    if (task->state != LIST_DENIED)
        tell_own(cli, config->smtp_auth.deny, entry, "denies");
    if (task->state == LIST_FORGOTTEN)
        tell_own(cli, config->smtp_auth.allow, entry, "allows");
    return CLI_OK;
}

/* ---- the commands ---- */

static int change_lists(struct cli *cli, const struct task *task, const char *user, const struct list_options *o)
{
    char entry_text[ADDRESS_MAX + 2], comment_text[LIST_COMMENT_MAX];
    struct buf entry = BUF_OVER(entry_text), comment = BUF_OVER(comment_text);
    struct known known;
    int status;

    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    if (o->cluster && !cli->files.config->cluster.configured)
        return cli_fail(cli,
                        "%s has no group \"cluster\": there are no other relays; without --cluster this relay's own "
                        "lists are changed",
                        cli->files.config->file);
    if ((status = find_entry(cli, user, o->force, &known, &entry)) != CLI_OK)
        return status;
    if (!o->force && check_name(cli, task, &known, buf_slice(&entry), o->cluster) != CLI_OK)
        return CLI_FAILED;
    say_comment(&comment, task->comment, o->cluster ? cli->files.config : NULL, o->reason);
    status = (o->cluster ? change_shared : change_own)(cli, task, buf_slice(&entry), buf_slice(&comment));
    if (status == CLI_OK)
        cli_log(cli, "list",
                (const struct cli_field[]){
                    {"change", cli->command->name}, {"entry", entry_text}, {"where", o->cluster ? "cluster" : "here"}},
                3);
    return status;
}

static int lists_run(struct cli *cli, int argc, char **argv, const struct task *task)
{
    enum { REASON = 256, FORCE, CLUSTER };
    static const struct option options[] = {{"reason", required_argument, NULL, REASON},
                                            {"force", no_argument, NULL, FORCE},
                                            {"cluster", no_argument, NULL, CLUSTER},
                                            CLI_LAST_OPTIONS};
    struct list_options o = {.reason = NULL};
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        if (option == REASON)
            o.reason = optarg;
        else if (option == CLUSTER)
            o.cluster = true;
        else
            o.force = true;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 1, 1)) != CLI_OK)
        return status;
    return change_lists(cli, task, argv[optind], &o);
}

int cmd_allow(struct cli *cli, int argc, char **argv)
{
    return lists_run(cli, argc, argv, &(const struct task){ADD, REMOVE, LIST_ALLOWED, "allowed"});
}

int cmd_deny(struct cli *cli, int argc, char **argv)
{
    return lists_run(cli, argc, argv, &(const struct task){REMOVE, ADD, LIST_DENIED, "denied"});
}

int cmd_forget(struct cli *cli, int argc, char **argv)
{
    return lists_run(cli, argc, argv, &(const struct task){REMOVE, REMOVE, LIST_FORGOTTEN, "forgotten"});
}
