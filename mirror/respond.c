#include "mirror/respond.h"

#include "core/base/caller.h"
#include "core/base/owner.h"
#include "core/base/spool.h"
#include "core/notice/alert.h"
#include "mirror/set.h"
#include "mirror/words.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUESTS_MOST 50u    /* in one run: a misconfigured limit must not switch a whole tenant off */
#define LOOKED_AT_MOST 4096u /* in one run: the oldest of those that wait */
#define NOTICE_EPISODE_S 3600u
/* A person waits, who will ask again, or turn to other means. */
#define PERSON_WAITS_S 600
#define PERSON_AT_MOST_S 45u /* of each wait: together less than "postern act" waits for the reply */
#define REPLY_KEEP_S 3600

struct respond_run {
    const struct respond_options *o;
    int folder, done, failed, replies;
    uid_t owner; /* of the spool: the user that the mail path's programs run as */
};

struct disable_request {
    const char *name; /* of the request's file */
    char tenant[64], mailbox[320], limit[40];
    char act[48], by[CALLER_NAME_MAX]; /* of a person's request, which has no limit; else empty */
    int64_t at;
    struct timespec touched; /* when it was written, or tried last */
    size_t turn;             /* how many of its tenant come before it */
};

static bool is_persons(const struct disable_request *r)
{
    return r->act[0] != '\0';
}

/* ---- requests ---- */

static bool copy_fact(const json_t *facts, const char *key, char *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(facts, key));
    struct buf b = buf_over(out, cap);

    buf_add(&b, slice_of(text));
    return b.n > 0 && !b.full;
}

/* A limit's, or a person's, who waits for the reply. */
static bool copy_origin(const json_t *facts, struct disable_request *r)
{
    struct buf b = BUF_OVER(r->by);
    char by[256], file[sizeof r->act + sizeof ".json"];

    r->limit[0] = r->act[0] = r->by[0] = '\0';
    if (json_object_get(facts, "act") == NULL)
        return copy_fact(facts, "limit", r->limit, sizeof r->limit);
    if (!copy_fact(facts, "act", r->act, sizeof r->act) || !copy_fact(facts, "by", by, sizeof by))
        return false;
    buf_add(&b, SLICE("web:"));
    buf_add_escaped(&b, slice_of(by), 36);
    (void)snprintf(file, sizeof file, "%s.json", r->act);
    return strcmp(file, r->name) == 0;
}

/* Only the mail path's programs may request this, not everybody in group postern. */
static bool is_theirs(const struct respond_run *run, const struct stat *st)
{
    return (st->st_uid == 0 || st->st_uid == run->owner || st->st_uid == geteuid()) && (st->st_mode & 022) == 0;
}

/* As spool_get; also SPOOL_NEVER for what is no request, or comes from somebody who may not make one. */
static int load_request(const struct respond_run *run, const char *name, struct disable_request *r, struct error *e)
{
    json_t *json, *facts;
    json_error_t why;
    struct stat st;
    char *text;
    size_t n;
    bool good;
    int result = spool_get_stat(run->folder, name, ALERT_FILE_MAX, &text, &n, &st, e);

    if (result != 0)
        return result;
    if (!is_theirs(run, &st)) {
        free(text);
        (void)error_set(e,
                        "%s: refused: user %lu may have written it (mode %03o); a request is written by postern's own "
                        "user (%lu), and by nobody else",
                        words(slice_of(name)).text, (unsigned long)st.st_uid, (unsigned)st.st_mode & 0777,
                        (unsigned long)run->owner);
        return SPOOL_NEVER;
    }
    r->name = name;
    r->touched = st.st_mtim;
    json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    free(text);
    facts = json_object_get(json, "facts");
    r->at = json_integer_value(json_object_get(json, "at"));
    good = copy_fact(facts, "tenant", r->tenant, sizeof r->tenant) &&
           copy_fact(facts, "mailbox", r->mailbox, sizeof r->mailbox) && copy_origin(facts, r);
    result = json == NULL && json_error_code(&why) == json_error_out_of_memory ? -1 : SPOOL_NEVER;
    json_decref(json);
    if (good)
        return 0;
    (void)error_set(e, "%s: no request of postern", words(slice_of(name)).text);
    return result;
}

static void put_away(const struct respond_run *run, const char *name, int where)
{
    struct owner_visit visit;
    struct error e;

    if (owner_enter_unshared(run->o->config->spool, &visit, &e) != 0) {
        fprintf(run->o->log, "%s cannot be put away: %s\n", words(slice_of(name)).text, e.text);
        return;
    }
    if (renameat(run->folder, name, where, name) != 0)
        fprintf(run->o->log, "%s cannot be put away: %s\n", words(slice_of(name)).text, strerror(errno));
    owner_leave(&visit);
}

/* Failed requests come after those not tried yet: a file's time is that of the last attempt. */
static void put_last(const struct respond_run *run, const char *name)
{
    struct owner_visit visit;

    if (owner_enter_unshared(run->o->config->spool, &visit, NULL) != 0)
        return;
    /* If that fails, the request only keeps its place. */
    (void)utimensat(run->folder, name, NULL, AT_SYMLINK_NOFOLLOW);
    owner_leave(&visit);
}

/* ---- notices ---- */

static void tell_disabled(const struct respond_run *run, const struct disable_request *r, const char *problem)
{
    struct alert alert = alert_of(ALERT_DISABLED, run->o->now, slice_of(r->mailbox));
    struct error e;

    if (run->o->config->n_alerts == 0)
        return;
    if (problem == NULL) {
        if (is_persons(r))
            alert_summary(&alert, "SMTP AUTH of %s was disabled in Exchange Online, as %s asked", r->mailbox, r->by);
        else
            alert_summary(&alert, "SMTP AUTH of %s was disabled in Exchange Online, as limit %s says", r->mailbox,
                          r->limit);
        alert_advice(&alert, "When the mailbox is its owner's again: postern-mirror inherit %s, or enable", r->mailbox);
    } else {
        /* A separate episode, so that a later success is reported as well. */
        struct buf subject = BUF_OVER(alert.subject);

        buf_addf(&subject, "%s not disabled", r->mailbox);
        alert_summary(&alert, "SMTP AUTH of %s could not be disabled in Exchange Online", r->mailbox);
        alert_advice(&alert, "Disable it by hand: postern-mirror disable %s", r->mailbox);
        alert_fact(&alert, "problem", slice_of(problem));
    }
    alert_fact(&alert, "tenant", slice_of(r->tenant));
    alert_fact(&alert, "mailbox", slice_of(r->mailbox));
    alert_fact(&alert, "limit", slice_of(r->limit));
    alert_fact(&alert, "by", slice_of(r->by));
    if (alert_post(run->o->config->spool, ALERT_NOTICES, &alert, NOTICE_EPISODE_S, &e) < 0)
        fprintf(run->o->log, "no notice: %s\n", e.text);
}

/* ---- whose turn is it? ---- */

static int by_age(const void *a, const void *b)
{
    const struct disable_request *x = a, *y = b;

    if (x->touched.tv_sec != y->touched.tv_sec)
        return x->touched.tv_sec < y->touched.tv_sec ? -1 : 1;
    if (x->touched.tv_nsec != y->touched.tv_nsec)
        return x->touched.tv_nsec < y->touched.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_turn(const void *a, const void *b)
{
    const struct disable_request *x = a, *y = b;

    if (is_persons(x) != is_persons(y))
        return is_persons(x) ? -1 : 1;
    return x->turn != y->turn ? (x->turn < y->turn ? -1 : 1) : by_age(a, b);
}

/* Those of people, who wait; then the oldest of each tenant, then the second of each, so that one tenant's requests
 * don't hold up another's. */
static void put_in_turn(struct disable_request *list, size_t n)
{
    if (n < 2)
        return;
    qsort(list, n, sizeof *list, by_age);
    for (size_t i = 0; i < n; i++) {
        size_t before = i;

        while (before > 0 && strcmp(list[before - 1].tenant, list[i].tenant) != 0)
            before--;
        list[i].turn = before > 0 ? list[before - 1].turn + 1 : 0;
    }
    qsort(list, n, sizeof *list, by_turn);
}

/* Loads the waiting requests, and puts away those that can never be done. Sets *left if something could not be read. */
static size_t load_all(const struct respond_run *run, char *const *names, size_t n, struct disable_request *list,
                       bool *left)
{
    struct owner_visit visit;
    size_t loaded = 0;
    struct error e;

    if (owner_enter_unshared(run->o->config->spool, &visit, &e) != 0) {
        fprintf(run->o->log, "%s\n", e.text);
        *left = true;
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        int result = load_request(run, names[i], &list[loaded], &e);

        if (result == 0) {
            loaded++;
            continue;
        }
        fprintf(run->o->log, "%s\n", e.text);
        if (result == SPOOL_NEVER)
            put_away(run, names[i], run->failed);
        else
            *left = true;
    }
    owner_leave(&visit);
    return loaded;
}

/* ---- a person's ---- */

/* It is there before the request is gone. */
static void reply(const struct respond_run *run, const struct disable_request *r, bool done, const char *text)
{
    char whole[ALERT_REPLY_MAX];
    struct buf b = BUF_OVER(whole);
    struct owner_visit visit;
    struct error e;

    buf_add(&b, done ? SLICE("done\n") : SLICE("failed\n"));
    buf_add_printable(&b, slice_of(text));
    if (owner_enter_unshared(run->o->config->spool, &visit, &e) != 0) {
        fprintf(run->o->log, "%s: no reply: %s\n", words(slice_of(r->name)).text, e.text);
        return;
    }
    if (spool_put(run->replies, r->name, buf_slice(&b), &e) != 0)
        fprintf(run->o->log, "%s: no reply: %s\n", words(slice_of(r->name)).text, e.text);
    owner_leave(&visit);
}

/* Of what a run printed, the last line says how it ended. */
static const char *last_line(char *text)
{
    size_t n = strlen(text);
    char *line;

    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    line = strrchr(text, '\n');
    return line != NULL ? line + 1 : text;
}

/* The same as on the command line: what was set is in the directory, too. 0; -1 with e. */
static int set_at_once(const struct respond_run *run, const struct disable_request *r, struct set_options *options,
                       struct error *e)
{
    if (run->o->now - r->at > PERSON_WAITS_S)
        return error_set(e, "it was asked for more than %d s ago, so nothing was done", PERSON_WAITS_S);
    options->directory = run->o->config->directory;
    options->by = r->by;
    options->at_most_s = PERSON_AT_MOST_S;
    return set_mailboxes(options, e) == SET_DONE ? 0 : -1;
}

static int set_for_person(const struct respond_run *run, const struct disable_request *r, struct set_options *options,
                          struct error *e)
{
    char *text = NULL;
    size_t n = 0;
    int rc;

    options->out = open_memstream(&text, &n);
    rc = options->out != NULL ? set_at_once(run, r, options, e) : error_set(e, "out of memory, so nothing was done");
    if (options->out != NULL)
        (void)fclose(options->out);
    if (text != NULL)
        fprintf(run->o->out, "%s", text);
    reply(run, r, rc == 0, rc != 0 ? e->text : text != NULL ? last_line(text) : "");
    free(text);
    return rc;
}

/* By who asked for it, who has waited long enough. */
static bool is_taken_back(const struct respond_run *run, const struct disable_request *r)
{
    struct stat st;

    return is_persons(r) && fstatat(run->folder, r->name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

/* ---- the work ---- */

/* True when the request is finished. */
static bool carry_out(const struct respond_run *run, const struct disable_request *r)
{
    const char *const names[] = {r->mailbox};
    /* A limit's block holds until the next sync brings it in: the directory isn't written anew for each of these. */
    struct set_options options = {.config = run->o->config,
                                  .tenant = r->tenant,
                                  .value = WRITEBACK_DISABLE,
                                  .names = names,
                                  .n_names = 1,
                                  .yes = true,
                                  .in = stdin,
                                  .out = run->o->out,
                                  .log = run->o->log};
    struct error e;

    if (is_taken_back(run, r))
        return true;
    if ((is_persons(r) ? set_for_person(run, r, &options, &e) : (int)set_mailboxes(&options, &e)) == SET_DONE) {
        tell_disabled(run, r, NULL);
        put_away(run, r->name, run->done);
        return true;
    }
    fprintf(run->o->log, "%s: not disabled: %s\n", words(slice_of(r->mailbox)).text, e.text);
    tell_disabled(run, r, e.text);
    if (!is_persons(r) && run->o->now - r->at <= RESPOND_GIVE_UP_S) {
        put_last(run, r->name);
        return false;
    }
    put_away(run, r->name, run->failed);
    return true;
}

static int work_off_all(const struct respond_run *run, struct error *e)
{
    struct disable_request *list;
    bool left = false;
    char **names;
    size_t n, loaded;

    if (spool_names(run->folder, ".json", LOOKED_AT_MOST, &names, &n, e) != 0)
        return -1;
    list = calloc(n + 1, sizeof *list);
    if (list == NULL) {
        spool_names_free(names, n);
        return error_set(e, "out of memory");
    }
    loaded = load_all(run, names, n, list, &left);
    put_in_turn(list, loaded);
    for (size_t i = 0; i < loaded && i < REQUESTS_MOST; i++)
        left = !carry_out(run, &list[i]) || left;
    left = left || loaded > REQUESTS_MOST;
    free(list);
    spool_names_free(names, n);
    return left ? 1 : 0;
}

/* The owner of the spool's folder is the services' user. 0; -1 with e. */
static int find_owner(struct respond_run *run, struct error *e)
{
    struct stat st;

    if (stat(run->o->config->spool, &st) != 0)
        return error_set(e, "%s: %s", run->o->config->spool, strerror(errno));
    run->owner = st.st_uid;
    return 0;
}

static int open_folders(struct respond_run *run, struct error *e)
{
    struct owner_visit visit;
    int result = -1;

    if (owner_enter_unshared(run->o->config->spool, &visit, e) != 0)
        return -1;
    if ((run->folder = spool_open_private(run->o->config->spool, ALERT_REQUESTS, e)) >= 0 &&
        (run->done = spool_open_below(run->folder, "done", e)) >= 0 &&
        (run->failed = spool_open_below(run->folder, "failed", e)) >= 0 &&
        (run->replies = spool_open_below(run->folder, ALERT_REPLIES, e)) >= 0)
        result = find_owner(run, e);
    owner_leave(&visit);
    return result;
}

int respond_run(const struct respond_options *o, struct error *e)
{
    struct respond_run run = {.o = o, .folder = -1, .done = -1, .failed = -1, .replies = -1};
    int result = open_folders(&run, e);

    if (result == 0 && flock(run.folder, LOCK_EX | LOCK_NB) != 0)
        result = error_set(e, "%s/%s: another run works it off", o->config->spool, ALERT_REQUESTS);
    if (result == 0) {
        result = work_off_all(&run, e);
        (void)spool_tidy(run.replies, o->now, REPLY_KEEP_S, NULL);
    }
    for (size_t i = 0; i < 4; i++) {
        int fd = (int[]){run.folder, run.done, run.failed, run.replies}[i];

        if (fd >= 0)
            (void)close(fd);
    }
    return result;
}
