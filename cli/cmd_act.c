/* postern act: does what people ask the web program for. */
#include "cli/act_disable.h"
#include "cli/act_do.h"
#include "cli/commands.h"
#include "core/base/clock.h"
#include "core/base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WEB_USER "postern-web"
#define ACTS_A_RUN 1000u
#define KEEP_S 3600
#define CLOCKS_APART_S 60
/* What is refused is written down, too, but can't fill the disk. */
#define REFUSED_AN_HOUR_MAX 500u

/* What another program does is waited for, while others are done. Later ones are for the next run, so that this one
 * ends within postern-act.service's time. */
#define WAITING_MAX 8u
#define WAIT_FROM_S 60
#define STEP_MS 300

struct act_waiting {
    struct act act;
    struct act_outcome outcome;
    int64_t since_s;
};

struct act_run {
    struct cli *cli;
    const struct web_config *web;
    uid_t user; /* who may ask */
    int folder, log, lock;
    struct act_past *past;
    int64_t began_s; /* of CLOCK_BOOTTIME */
    struct act_waiting *waiting;
    size_t n_waiting;
};

static int64_t boot_s(void)
{
    return (int64_t)(clock_boot_ns() / NS_PER_S);
}

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

/*
 * What can't be removed, such as a folder that is not empty, is hidden, so that nobody is woken by it again: by a name
 * of ours, since its own may be as long as a name can be, and what is there already may not give way.
 */
static void put_away(const struct act_run *run, const char *name)
{
    char hidden[64];

    if (unlinkat(run->folder, name, 0) == 0 || errno == ENOENT || unlinkat(run->folder, name, AT_REMOVEDIR) == 0)
        return;
    (void)snprintf(hidden, sizeof hidden, ".refused.%" PRIu64, clock_boot_ns());
    if (renameat(run->folder, name, run->folder, hidden) != 0)
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
        rc = error_set(e, "user %lu wrote it (mode %03o, links %lu); expected user %lu alone, and one link",
                       (unsigned long)st.st_uid, (unsigned)st.st_mode & 0777, (unsigned long)st.st_nlink,
                       (unsigned long)run->user);
    else if ((rc = act_read((struct slice){text, n}, act, e)) == 0 &&
             !slice_eq((struct slice){name, strlen(name) - strlen(ACT_ENDING)}, slice_of(act->id)))
        rc = error_set(e, "its name is not its id");
    free(text);
    return rc;
}

/* Who is bound to tenants names mailboxes and nothing else: another kind could be somebody else's. */
static void bind_kind(struct act *act)
{
    if (!scope_is_all(slice_of(act->tenants)) && act->kind[0] == '\0' && act_rows[act->verb].takes_kind)
        (void)snprintf(act->kind, sizeof act->kind, "user");
}

/* 0, or -1 with e: it is refused. */
static int judge(const struct act_run *run, const struct act *act, const struct act_outcome *o, bool known,
                 struct error *e)
{
    unsigned begun = act_past_count(run->past, ACT_BEGUN, o->at_s);

    if (act->at_s > o->at_s + CLOCKS_APART_S || o->at_s - act->at_s > ACT_AGE_MAX_S)
        return error_set(e, "it is %" PRId64 " s old; expected at most %d", o->at_s - act->at_s, ACT_AGE_MAX_S);
    if (act_check(act, run->web->actions, e) != 0)
        return -1;
    if (!scope_is_all(slice_of(act->tenants)) && !scope_has(slice_of(act->tenants), slice_of(o->tenant)))
        return error_set(e, "no mailbox of the tenants %s, and of no other, has that name", act->tenants);
    if (!known && begun >= run->web->actions_an_hour)
        return error_set(e, "%u were done within the last hour, which is all that web.actions_an_hour lets pass",
                         begun);
    return 0;
}

static int write_down(const struct act_run *run, const struct act *act, struct act_outcome *o, enum act_state state,
                      struct error *e)
{
    char subject[4 * ACT_SUBJECT_MAX + 8], who[4 * ACT_NAME_MAX + 8];

    o->state = state;
    if (act_log_add(run->log, act, o, e) != 0 || act_past_add(run->past, act, o, e) != 0)
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

static int refuse(const struct act_run *run, const struct act *act, struct act_outcome *o, const struct error *why,
                  struct error *e)
{
    say(o, why->text);
    /* Of what was none of theirs nothing is told. */
    if (!scope_has(slice_of(act->tenants), slice_of(o->tenant)))
        o->tenant[0] = o->before[0] = '\0';
    if (act_past_count(run->past, ACT_REFUSED, o->at_s) >= REFUSED_AN_HOUR_MAX)
        return cli_fail(run->cli, "a request is refused: %s", o->said), 0;
    return write_down(run, act, o, ACT_REFUSED, e);
}

/* ---- doing it ---- */

/* DEALT_WITH: the request can go; AWAITED: it stays until that is known; LATER: for the next run. */
enum { DEALT_WITH, AWAITED, LATER };

/* The outcome is known. 0; -1 with e. */
static int finish(const struct act_run *run, const struct act *act, struct act_outcome *o, struct error *e)
{
    char tenant[sizeof o->tenant];

    o->at_s = clock_wall_s();
    act_look(run->cli, act, tenant, sizeof tenant, o->after, sizeof o->after);
    return write_down(run, act, o, o->state, e);
}

static bool can_wait(const struct act_run *run)
{
    return run->n_waiting < WAITING_MAX && boot_s() - run->began_s < WAIT_FROM_S;
}

/* One of the above; -1 with e. */
static int do_it(struct act_run *run, const struct act *act, struct act_outcome *o, struct error *e)
{
    act_do(run->cli, act, o);
    if (act->verb != ACT_DISABLE || o->state != ACT_DONE)
        return finish(run, act, o, e);
    run->waiting[run->n_waiting++] = (struct act_waiting){*act, *o, boot_s()};
    return AWAITED;
}

/*
 * It was begun, and we were killed before it ended. What is the same when it is done twice is done again, if it would
 * still be done at all; else somebody has to look.
 */
static int do_again(struct act_run *run, const struct act *act, struct act_outcome *o, bool fit, struct error *e)
{
    const struct act_row *row = &act_rows[act->verb];

    o->again = true;
    if (fit && row->done_again && !act->accept) {
        /* It may have been lifted before. */
        bool lifted = act->verb == ACT_UNBLOCK && strcmp(o->before, "not blocked") == 0;

        if (!lifted)
            return do_it(run, act, o, e);
        o->state = ACT_DONE;
        return finish(run, act, o, e);
    }
    (void)snprintf(o->said, sizeof o->said, "it was begun, and nobody knows whether it ended: look at %s",
                   row->unsure != NULL ? row->unsure : "how it stands");
    return write_down(run, act, o, ACT_UNKNOWN, e);
}

/* DEALT_WITH, AWAITED or LATER; -1 with e. */
static int carry_out(struct act_run *run, struct act *act, struct error *e)
{
    struct act_outcome o = {.at_s = clock_wall_s()};
    enum act_state state;
    bool known = act_past_find(run->past, act->id, &state), fit;
    struct error why;

    if (known && state != ACT_BEGUN)
        return DEALT_WITH;
    if (act->verb == ACT_DISABLE && !can_wait(run))
        return LATER;
    bind_kind(act);
    act_look(run->cli, act, o.tenant, sizeof o.tenant, o.before, sizeof o.before);
    fit = judge(run, act, &o, known, &why) == 0;
    if (known)
        return do_again(run, act, &o, fit, e);
    if (!fit)
        return refuse(run, act, &o, &why, e);
    if (write_down(run, act, &o, ACT_BEGUN, e) != 0)
        return -1;
    return do_it(run, act, &o, e);
}

/* 0: it is dealt with, and gone, or awaited; -1 after an error was printed: it stays. */
static int take_one(struct act_run *run, const char *name)
{
    struct act act;
    struct error e;
    int rc = read_request(run, name, &act, &e);

    if (rc < 0) {
        (void)cli_fail(run->cli, "a request in the spool is refused: %s", e.text);
        cli_log(run->cli, "action", (const struct cli_field[]){{"state", "refused"}, {"why", e.text}}, 2);
    } else if (rc > 0 || (rc = carry_out(run, &act, &e)) < 0) {
        return cli_fail(run->cli, "%s", e.text), -1;
    }
    if (rc <= DEALT_WITH)
        put_away(run, name);
    return 0;
}

/* ---- all of them ---- */

static bool is_awaited(const struct act_run *run, const char *name)
{
    for (size_t i = 0; i < run->n_waiting; i++)
        if (slice_eq((struct slice){name, strlen(name) - strlen(ACT_ENDING)}, slice_of(run->waiting[i].act.id)))
            return true;
    return false;
}

/* Those that nobody has taken up yet. An exit status. */
static int take_new(struct act_run *run)
{
    char **names = NULL;
    int status = CLI_OK;
    struct error e;
    size_t n = 0;

    if (spool_names(run->folder, ACT_ENDING, ACTS_A_RUN, &names, &n, &e) != 0)
        return cli_fail(run->cli, "%s", e.text);
    for (size_t i = 0; i < n; i++)
        if (!is_awaited(run, names[i]) && take_one(run, names[i]) != 0)
            status = CLI_FAILED;
    spool_names_free(names, n);
    return status;
}

/* Those of which it is known by now how they ended. An exit status. */
static int end_awaited(struct act_run *run)
{
    int status = CLI_OK;

    for (size_t i = run->n_waiting; i-- > 0;) {
        struct act_waiting *w = &run->waiting[i];
        char name[ACT_ID_MAX + sizeof ACT_ENDING];
        struct error e;

        if (!act_disable_ended(run->cli->files.config, &w->act, boot_s() - w->since_s, &w->outcome))
            continue;
        (void)snprintf(name, sizeof name, "%s" ACT_ENDING, w->act.id);
        if (finish(run, &w->act, &w->outcome, &e) == 0)
            put_away(run, name);
        else
            status = cli_fail(run->cli, "%s", e.text);
        *w = run->waiting[--run->n_waiting];
    }
    return status;
}

/* What failed is for the next run. */
static int work_off(struct act_run *run)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
    int status = take_new(run);

    while (run->n_waiting > 0) {
        (void)nanosleep(&step, NULL);
        if (end_awaited(run) != CLI_OK || (status == CLI_OK && take_new(run) != CLI_OK))
            status = CLI_FAILED;
    }
    (void)spool_tidy(run->folder, clock_wall_s(), KEEP_S, NULL);
    return status;
}

/* Whoever was killed may have left a child that still works: it has the lock, too. 0; -1 with e. */
static int open_all(struct act_run *run, struct error *e)
{
    const char *log = run->web->action_log;

    if ((run->folder = open_folder(run->cli->files.config->spool, run->user, e)) < 0 ||
        (run->lock = act_log_lock(log, e)) < 0 || (run->past = act_past_read(log, e)) == NULL ||
        (run->log = act_log_open(log, e)) < 0)
        return -1;
    run->waiting = calloc(WAITING_MAX, sizeof *run->waiting);
    return run->waiting != NULL ? 0 : error_set(e, "out of memory");
}

static void close_all(const struct act_run *run)
{
    act_past_free(run->past);
    free(run->waiting);
    for (size_t i = 0; i < 3; i++) {
        int fd = (int[]){run->folder, run->log, run->lock}[i];

        if (fd >= 0)
            (void)close(fd);
    }
}

static int act_run(struct cli *cli, const char *user)
{
    const struct passwd *entry = getpwnam(user);
    struct act_run run = {
        .cli = cli, .web = &cli->files.config->web, .folder = -1, .log = -1, .lock = -1, .began_s = boot_s()};
    struct error e;
    int status;

    if (entry == NULL)
        return cli_fail(cli, "there is no user \"%s\", as which postern-web runs", user);
    run.user = entry->pw_uid;
    status = open_all(&run, &e) == 0 ? work_off(&run) : cli_fail(cli, "%s", e.text);
    close_all(&run);
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
