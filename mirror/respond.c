#include "mirror/respond.h"

#include "core/alert.h"
#include "core/spool.h"
#include "mirror/words.h"
#include "mirror/writeback.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define REQUESTS_MOST 50u /* in one run: a fault in a limit must not switch a whole tenant off */
#define NOTICE_EPISODE_S 3600u

struct run {
    const struct respond_options *o;
    int folder, done, failed;
};

struct request {
    char tenant[64], mailbox[320], limit[40];
    int64_t at;
};

/* ---- requests ---- */

static bool copy(const json_t *facts, const char *key, char *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(facts, key));
    struct buf b = buf_over(out, cap);

    buf_add(&b, slice_of(text));
    return b.n > 0 && !b.full;
}

/* As spool_get: SPOOL_NEVER too for what is no request. */
static int load(int folder, const char *name, struct request *r, struct error *e)
{
    json_t *json, *facts;
    json_error_t why;
    char *text;
    size_t n;
    bool good;
    int result = spool_get(folder, name, ALERT_FILE_MAX, &text, &n, e);

    if (result != 0)
        return result;
    json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    free(text);
    facts = json_object_get(json, "facts");
    r->at = json_integer_value(json_object_get(json, "at"));
    good = copy(facts, "tenant", r->tenant, sizeof r->tenant) &&
           copy(facts, "mailbox", r->mailbox, sizeof r->mailbox) && copy(facts, "limit", r->limit, sizeof r->limit);
    result = json == NULL && json_error_code(&why) == json_error_out_of_memory ? -1 : SPOOL_NEVER;
    json_decref(json);
    if (good)
        return 0;
    (void)error_set(e, "%s: no request of postern", words(slice_of(name)).text);
    return result;
}

static void put_away(const struct run *run, const char *name, int where)
{
    if (renameat(run->folder, name, where, name) != 0)
        fprintf(run->o->log, "%s cannot be put away: %s\n", words(slice_of(name)).text, strerror(errno));
}

/* ---- notices ---- */

static void tell(const struct run *run, const struct request *r, const char *problem)
{
    struct alert alert = alert_of(ALERT_DISABLED, run->o->now, slice_of(r->mailbox));
    struct error e;

    if (run->o->config->n_alerts == 0)
        return;
    if (problem == NULL) {
        alert_summary(&alert, "SMTP AUTH of %s was disabled in Exchange Online, as limit %s says", r->mailbox,
                      r->limit);
        alert_advice(&alert, "When the mailbox is its owner's again: postern-mirror inherit %s, or enable", r->mailbox);
    } else {
        /* An episode of its own, so that the later success is told all the same. */
        struct buf subject = BUF_OVER(alert.subject);

        buf_addf(&subject, "%s not disabled", r->mailbox);
        alert_summary(&alert, "SMTP AUTH of %s could not be disabled in Exchange Online", r->mailbox);
        alert_advice(&alert, "Disable it by hand: postern-mirror disable %s", r->mailbox);
        alert_fact(&alert, "problem", slice_of(problem));
    }
    alert_fact(&alert, "tenant", slice_of(r->tenant));
    alert_fact(&alert, "mailbox", slice_of(r->mailbox));
    alert_fact(&alert, "limit", slice_of(r->limit));
    if (alert_post(run->o->config->spool, ALERT_NOTICES, &alert, NOTICE_EPISODE_S, &e) < 0)
        fprintf(run->o->log, "no notice: %s\n", e.text);
}

/* ---- the work ---- */

/* True when nothing is left to do for this request. */
static bool work_off(const struct run *run, const char *name)
{
    struct writeback_options options = {.config = run->o->config,
                                        .what = WRITEBACK_DISABLE,
                                        .yes = true,
                                        .in = stdin,
                                        .out = run->o->out,
                                        .log = run->o->log};
    struct request r;
    struct error e;
    int result = load(run->folder, name, &r, &e);

    if (result != 0) {
        fprintf(run->o->log, "%s\n", e.text);
        if (result == SPOOL_NEVER)
            put_away(run, name, run->failed);
        return result == SPOOL_NEVER;
    }
    options.tenant = r.tenant;
    options.user = r.mailbox;
    if (writeback_run(&options, &e) == 0) {
        tell(run, &r, NULL);
        put_away(run, name, run->done);
        return true;
    }
    fprintf(run->o->log, "%s: not disabled: %s\n", words(slice_of(r.mailbox)).text, e.text);
    tell(run, &r, e.text);
    if (run->o->now - r.at <= RESPOND_GIVE_UP_S)
        return false;
    put_away(run, name, run->failed);
    return true;
}

static int work_off_all(const struct run *run, struct error *e)
{
    int result = 0;
    char **names;
    size_t n;

    if (spool_names(run->folder, ".json", REQUESTS_MOST, &names, &n, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!work_off(run, names[i]))
            result = 1;
    spool_names_free(names, n);
    return result;
}

int respond_run(const struct respond_options *o, struct error *e)
{
    struct run run = {.o = o, .folder = -1, .done = -1, .failed = -1};
    int result = -1;

    if ((run.folder = spool_open(o->config->spool, ALERT_REQUESTS, e)) >= 0 &&
        (run.done = spool_open_below(run.folder, "done", e)) >= 0 &&
        (run.failed = spool_open_below(run.folder, "failed", e)) >= 0) {
        if (flock(run.folder, LOCK_EX | LOCK_NB) == 0)
            result = work_off_all(&run, e);
        else
            (void)error_set(e, "%s/%s: another run works it off", o->config->spool, ALERT_REQUESTS);
    }
    for (size_t i = 0; i < 3; i++) {
        int fd = (int[]){run.folder, run.done, run.failed}[i];

        if (fd >= 0)
            (void)close(fd);
    }
    return result;
}
