/* postern allow, postern deny, postern forget: the operator's own lists of mailboxes. */
#include "cli/commands.h"
#include "cli/known.h"
#include "cli/list_edit.h"
#include "core/base/caller.h"

#include <time.h>

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

static void say_comment(struct buf *b, const char *what, const char *reason)
{
    char caller[CALLER_NAME_MAX], plain[4 * TEXT_SHOWN_MAX + 8];
    struct slice who = caller_name(caller);
    time_t now = time(NULL);

    buf_addf(b, "%s ", what);
    text_add_utc_time(b, now);
    buf_addf(b, " by %.*s", SLICE_ARG(who));
    if (reason == NULL)
        return;
    buf_add(b, SLICE(": "));
    buf_add(b, slice_of(text_plain(plain, sizeof plain, slice_of(reason))));
}

/* What the command does with each of the two lists. */
enum change { ADD, REMOVE };

struct task {
    enum change allow, deny;
    const char *comment;
};

struct list_options {
    const char *reason;
    bool force;
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
static int check_name(const struct cli *cli, const struct task *task, const struct known *known, struct slice entry)
{
    char shown[4 * TEXT_SHOWN_MAX + 8], hint[4 * ADDRESS_MAX + 40];

    (void)text_plain(shown, sizeof shown, entry);
    if (task->allow == REMOVE && task->deny == REMOVE)
        return is_in_either(&cli->files.config->smtp_auth, entry)
                   ? CLI_OK
                   : cli_fail(cli, "\"%s\" is in neither of the two lists", shown);
    if (!known->checked || known->exists)
        return CLI_OK;
    return cli_fail(cli, "no %s has the name \"%s\"%s; --force adds it anyway",
                    entry.p[0] == '@' ? "tenant" : "mailbox", shown, known_hint(known, hint, sizeof hint));
}

static int change_lists(struct cli *cli, const struct task *task, const char *user, const struct list_options *o)
{
    char entry_text[ADDRESS_MAX + 2], comment_text[600];
    struct buf entry = BUF_OVER(entry_text), comment = BUF_OVER(comment_text);
    const struct smtp_auth_config *auth;
    struct known known;
    int status;

    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    if ((status = find_entry(cli, user, o->force, &known, &entry)) != CLI_OK)
        return status;
    if (!o->force && check_name(cli, task, &known, buf_slice(&entry)) != CLI_OK)
        return CLI_FAILED;
    auth = &cli->files.config->smtp_auth;
    say_comment(&comment, task->comment, o->reason);
    /* Adds first: if killed in between, the entry is in both lists, and deny wins. */
    if (task->deny == ADD) {
        status = change_one(cli, auth->deny, "deny_file", ADD, buf_slice(&entry), buf_slice(&comment));
        if (status == CLI_OK)
            status = change_one(cli, auth->allow, "allow_file", REMOVE, buf_slice(&entry), buf_slice(&comment));
    } else {
        status = change_one(cli, auth->allow, "allow_file", task->allow, buf_slice(&entry), buf_slice(&comment));
        if (status == CLI_OK)
            status = change_one(cli, auth->deny, "deny_file", REMOVE, buf_slice(&entry), buf_slice(&comment));
    }
    if (status == CLI_OK)
        cli_log(cli, "list", (const struct cli_field[]){{"change", cli->command->name}, {"entry", entry_text}}, 2);
    return status;
}

static int lists_run(struct cli *cli, int argc, char **argv, const struct task *task)
{
    enum { REASON = 256, FORCE };
    static const struct option options[] = {
        {"reason", required_argument, NULL, REASON}, {"force", no_argument, NULL, FORCE}, CLI_LAST_OPTIONS};
    struct list_options o = {.reason = NULL};
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        if (option == REASON)
            o.reason = optarg;
        else
            o.force = true;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 1, 1)) != CLI_OK)
        return status;
    return change_lists(cli, task, argv[optind], &o);
}

int cmd_allow(struct cli *cli, int argc, char **argv)
{
    return lists_run(cli, argc, argv, &(const struct task){ADD, REMOVE, "allowed"});
}

int cmd_deny(struct cli *cli, int argc, char **argv)
{
    return lists_run(cli, argc, argv, &(const struct task){REMOVE, ADD, "denied"});
}

int cmd_forget(struct cli *cli, int argc, char **argv)
{
    return lists_run(cli, argc, argv, &(const struct task){REMOVE, REMOVE, "forgotten"});
}
