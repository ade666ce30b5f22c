/* postern act: does what people ask the web program for. */
#include "cli/act_do.h"
#include "cli/commands.h"
#include "core/base/clock.h"
#include "core/base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WEB_USER "postern-web"
#define ACTS_A_RUN 1000u
#define KEEP_S 3600
#define CLOCKS_APART_S 60
/* What is refused is written down, too, but can't fill the disk. */
#define REFUSED_AN_HOUR_MAX 500u

struct act_run {
    struct cli *cli;
    const struct web_config *web;
    uid_t user; /* who may ask */
    int folder, log;
};

/* ---- the folder ---- */

/*
 * It may be in a folder of another user: what is opened must belong to the web program's user, and nobody else may
 * write there, so that it is no matter how we came to it.
 */
static int open_folder(const char *spool, uid_t user, struct error *e)
{
    int above = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
    struct stat st;

    if (above < 0)
        return error_set(e, "%s: %s", spool, strerror(errno));
    fd = openat(above, ACT_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    (void)close(above);
    if (fd < 0)
        return error_set(e, "%s/" ACT_FOLDER ": %s", spool, strerror(errno));
    if (fstat(fd, &st) == 0 && st.st_uid == user && (st.st_mode & 022) == 0)
        return fd;
    (void)close(fd);
    return error_set(e, "%s/" ACT_FOLDER ": expected a folder of user %lu, in which nobody else may write", spool,
                     (unsigned long)user);
}

/* What can't be removed is hidden, so that nobody is woken by it again. */
static void put_away(const struct act_run *run, const char *name)
{
    char hidden[256];
    struct buf b = BUF_OVER(hidden);

    if (unlinkat(run->folder, name, 0) == 0 || errno == ENOENT)
        return;
    buf_addf(&b, ".%s.refused", name);
    if (b.full || renameat(run->folder, name, run->folder, hidden) != 0)
        (void)cli_fail(run->cli, "a request can't be removed: %s", strerror(errno));
}

/* ---- one request ---- */

/* 0; -1 with e: it is none; 1 with e: it can't be read now. */
static int read_request(const struct act_run *run, const char *name, struct act *act, struct error *e)
{
    struct stat st;
    char *text;
    size_t n;
    int rc = spool_get_stat(run->folder, name, ACT_TEXT_MAX, &text, &n, &st, e);

    if (rc != 0)
        return rc == SPOOL_NEVER ? -1 : 1;
    if (st.st_uid != run->user || (st.st_mode & 022) != 0 || st.st_nlink != 1)
        rc = error_set(e, "user %lu wrote it (mode %03o); expected user %lu alone", (unsigned long)st.st_uid,
                       (unsigned)st.st_mode & 0777, (unsigned long)run->user);
    else if ((rc = act_read((struct slice){text, n}, act, e)) == 0 &&
             !slice_eq((struct slice){name, strlen(name) - strlen(ACT_ENDING)}, slice_of(act->id)))
        rc = error_set(e, "its name is not its id");
    free(text);
    return rc;
}

/* What the log has of it, and of the last hour. */
struct past {
    bool known;
    enum act_state state;
    unsigned begun, refused;
};

static int look_back(const struct act_run *run, const struct act *act, int64_t now_s, struct past *past,
                     struct error *e)
{
    struct act_log log;
    int rc = act_log_read(run->web->action_log, ACT_LOG_TAIL, &log, e);

    if (rc == 0) {
        past->known = act_log_find(log, act->id, &past->state);
        past->begun = act_log_count(log, ACT_BEGUN, now_s);
        past->refused = act_log_count(log, ACT_REFUSED, now_s);
    }
    act_log_free(&log);
    return rc;
}

/* Who is bound to tenants names mailboxes and nothing else: another kind could be somebody else's. */
static void bind_kind(struct act *act)
{
    if (!scope_is_all(slice_of(act->tenants)) && act->kind[0] == '\0' && act_rows[act->verb].takes_kind)
        (void)snprintf(act->kind, sizeof act->kind, "user");
}

/* 0, or -1 with e: it is refused. */
static int judge(const struct act_run *run, const struct act *act, const struct act_outcome *o, const struct past *past,
                 struct error *e)
{
    if (act->at_s > o->at_s + CLOCKS_APART_S || o->at_s - act->at_s > ACT_AGE_MAX_S)
        return error_set(e, "it is %" PRId64 " s old; expected at most %d", o->at_s - act->at_s, ACT_AGE_MAX_S);
    if (act_check(act, run->web->actions, e) != 0)
        return -1;
    if (!scope_is_all(slice_of(act->tenants)) && !scope_has(slice_of(act->tenants), slice_of(o->tenant)))
        return error_set(e, "no mailbox of the tenants %s, and of no other, has that name", act->tenants);
    if (!past->known && past->begun >= run->web->actions_an_hour)
        return error_set(e, "%u were done within the last hour, which is all that web.actions_an_hour lets pass",
                         past->begun);
    return 0;
}

static int write_down(const struct act_run *run, const struct act *act, struct act_outcome *o, enum act_state state,
                      struct error *e)
{
    char subject[4 * ACT_SUBJECT_MAX + 8], who[4 * ACT_NAME_MAX + 8];

    o->state = state;
    if (act_log_add(run->log, act, o, e) != 0)
        return -1;
    if (state == ACT_BEGUN)
        return 0;
    cli_log(run->cli, "action",
            (const struct cli_field[]){{"id", act->id},
                                       {"verb", act_rows[act->verb].word},
                                       {"state", act_state_word(state)},
                                       {"subject", act->subject},
                                       {"who", act->who},
                                       {"from", act->from},
                                       {"why", act->reason},
                                       {"said", o->said}},
            8);
    printf("%s %s for %s: %s%s%s\n", act_rows[act->verb].word,
           text_plain(subject, sizeof subject, slice_of(act->subject)), text_plain(who, sizeof who, slice_of(act->who)),
           act_state_word(state), o->said[0] != '\0' ? ": " : "", o->said);
    return 0;
}

static void say(struct act_outcome *o, const char *text)
{
    struct buf b = BUF_OVER(o->said);

    buf_add_printable(&b, slice_of(text));
}

static int refuse(const struct act_run *run, const struct act *act, struct act_outcome *o, const struct past *past,
                  const struct error *why, struct error *e)
{
    say(o, why->text);
    /* Of what was none of theirs nothing is told. */
    if (!scope_has(slice_of(act->tenants), slice_of(o->tenant)))
        o->tenant[0] = o->before[0] = '\0';
    if (past->refused >= REFUSED_AN_HOUR_MAX)
        return cli_fail(run->cli, "a request is refused: %s", o->said), 0;
    return write_down(run, act, o, ACT_REFUSED, e);
}

/*
 * It was begun, and we were killed before it ended. What is the same when it is done twice is done again, if it would
 * still be done at all; else somebody has to look.
 */
static int do_again(const struct act_run *run, const struct act *act, struct act_outcome *o, bool fit, struct error *e)
{
    const struct act_row *row = &act_rows[act->verb];

    o->again = true;
    if (fit && row->done_again && !act->accept) {
        act_do(run->cli, act, o);
        return write_down(run, act, o, o->state, e);
    }
    (void)snprintf(o->said, sizeof o->said, "it was begun, and nobody knows whether it ended: look at %s",
                   row->unsure != NULL ? row->unsure : "how it stands");
    return write_down(run, act, o, ACT_UNKNOWN, e);
}

static int carry_out(const struct act_run *run, struct act *act, struct error *e)
{
    struct act_outcome o = {.at_s = clock_wall_s()};
    struct past past = {.known = false};
    char tenant[sizeof o.tenant];
    struct error why;
    bool fit;

    if (look_back(run, act, o.at_s, &past, e) != 0)
        return -1;
    if (past.known && past.state != ACT_BEGUN)
        return 0;
    bind_kind(act);
    act_look(run->cli, act, o.tenant, sizeof o.tenant, o.before, sizeof o.before);
    fit = judge(run, act, &o, &past, &why) == 0;
    if (past.known)
        return do_again(run, act, &o, fit, e);
    if (!fit)
        return refuse(run, act, &o, &past, &why, e);
    if (write_down(run, act, &o, ACT_BEGUN, e) != 0)
        return -1;
    act_do(run->cli, act, &o);
    o.at_s = clock_wall_s();
    act_look(run->cli, act, tenant, sizeof tenant, o.after, sizeof o.after);
    return write_down(run, act, &o, o.state, e);
}

/* 0: it is dealt with, and gone; -1 after an error was printed: it stays. */
static int take_one(const struct act_run *run, const char *name)
{
    struct act act;
    struct error e;
    int rc = read_request(run, name, &act, &e);

    if (rc < 0) {
        (void)cli_fail(run->cli, "a request in the spool is refused: %s", e.text);
        cli_log(run->cli, "action", (const struct cli_field[]){{"state", "refused"}, {"why", e.text}}, 2);
    } else if (rc > 0 || carry_out(run, &act, &e) != 0) {
        return cli_fail(run->cli, "%s", e.text), -1;
    }
    put_away(run, name);
    return 0;
}

/* ---- all of them ---- */

static int work_off(const struct act_run *run)
{
    char **names = NULL;
    int status = CLI_OK;
    struct error e;
    size_t n = 0;

    /* Whoever was killed may have left a child that still works: it has the lock, too. */
    while (flock(run->log, LOCK_EX) != 0)
        if (errno != EINTR)
            return cli_fail(run->cli, "%s: %s", run->web->action_log, strerror(errno));
    if (spool_names(run->folder, ACT_ENDING, ACTS_A_RUN, &names, &n, &e) != 0)
        return cli_fail(run->cli, "%s", e.text);
    for (size_t i = 0; i < n; i++)
        if (take_one(run, names[i]) != 0)
            status = CLI_FAILED;
    spool_names_free(names, n);
    (void)spool_tidy(run->folder, clock_wall_s(), KEEP_S, NULL);
    return status;
}

static int act_run(struct cli *cli, const char *user)
{
    const struct passwd *entry = getpwnam(user);
    struct act_run run = {.cli = cli, .web = &cli->files.config->web, .folder = -1, .log = -1};
    int status = CLI_FAILED;
    struct error e;

    if (entry == NULL)
        return cli_fail(cli, "there is no user \"%s\", as which postern-web runs", user);
    run.user = entry->pw_uid;
    if ((run.folder = open_folder(cli->files.config->spool, run.user, &e)) < 0 ||
        (run.log = act_log_open(run.web->action_log, &e)) < 0)
        (void)cli_fail(cli, "%s", e.text);
    else
        status = work_off(&run);
    for (size_t i = 0; i < 2; i++)
        if ((i == 0 ? run.folder : run.log) >= 0)
            (void)close(i == 0 ? run.folder : run.log);
    return status;
}

int cmd_act(struct cli *cli, int argc, char **argv)
{
    enum { USER = 256 };
    static const struct option options[] = {{"user", required_argument, NULL, USER}, CLI_LAST_OPTIONS};
    const char *user = WEB_USER;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        user = optarg;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    return cli_open_config(cli) == 0 ? act_run(cli, user) : CLI_FAILED;
}
