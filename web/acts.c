#include "web/acts.h"

#include "core/access/act.h"
#include "core/base/clock.h"
#include "core/base/quote.h"
#include "core/base/spool.h"
#include "web/answers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* More than these have not been fetched: nobody does what is asked for. */
#define WAITING_MAX 100u

struct acts {
    struct pool *pool;
    struct shelf *shelf;
    struct log *log;
};

/* One that is being left in the spool. */
struct asking {
    struct job job; /* first */
    struct acts *owner;
    struct evhttp_request *request;
    struct act act;
    int status;
    struct error e;
};

/* ---- in a thread of the pool ---- */

static int refuse(struct asking *a, int status)
{
    a->status = status;
    return -1;
}

static int leave(struct asking *a, int folder, const char *text)
{
    char name[ACT_ID_MAX + sizeof ACT_ENDING];
    struct buf b = BUF_OVER(name);

    buf_addf(&b, "%s" ACT_ENDING, a->act.id);
    if (spool_count(folder, "", ACT_ENDING) >= WAITING_MAX) {
        (void)error_set(&a->e, "%u requests wait already: does postern-act.path run?", WAITING_MAX);
        return refuse(a, 503);
    }
    return spool_put(folder, name, slice_of(text), &a->e) == 0 ? 0 : refuse(a, 503);
}

static int ask(struct asking *a, const struct config *config)
{
    char *text;
    int folder, rc;

    if (act_check(&a->act, config->web.actions, &a->e) != 0)
        return refuse(a, 403);
    if ((text = act_write(&a->act)) == NULL) {
        (void)error_set(&a->e, "no memory");
        return refuse(a, 503);
    }
    folder = spool_open_private(config->spool, ACT_FOLDER, &a->e);
    rc = folder >= 0 ? leave(a, folder, text) : refuse(a, 503);
    if (folder >= 0)
        (void)close(folder);
    free(text);
    return rc;
}

static void on_work(struct job *job)
{
    struct asking *a = (struct asking *)job;
    struct report_files *files = shelf_take(a->owner->shelf, &a->e);

    a->status = 202;
    if (files == NULL) {
        a->status = 503;
        return;
    }
    (void)ask(a, files->config);
    shelf_put(a->owner->shelf, files);
}

/* ---- in the loop's thread ---- */

static void on_done(struct job *job)
{
    struct asking *a = (struct asking *)job;
    char text[128];
    struct buf b = BUF_OVER(text);

    if (a->status == 202) {
        log_say(a->owner->log, LEVEL_NOTICE, "%s asks for %s: %s", quote(slice_of(a->act.who)).text,
                act_rows[a->act.verb].word, a->act.id);
        buf_addf(&b, "{\"data\": {\"id\": \"%s\", \"state\": \"waiting\"}}\n", a->act.id);
        answer_now(a->request, 202, TYPE_JSON, buf_slice(&b));
    } else {
        answer_error(a->request, a->status, a->e.text);
    }
    free(a);
}

/* Ids sort by time: the oldest is done first. */
static int sign(struct act *act, const struct who *who, struct error *e)
{
    struct buf id = BUF_OVER(act->id), name = BUF_OVER(act->who), from = BUF_OVER(act->from),
               tenants = BUF_OVER(act->tenants);
    unsigned char random[8];

    if (getrandom(random, sizeof random, 0) != sizeof random)
        return error_set(e, "no random numbers");
    act->at_s = clock_wall_s();
    act->role = who->role;
    buf_addf(&id, "%010" PRId64 "-", act->at_s);
    for (size_t i = 0; i < sizeof random; i++)
        buf_addf(&id, "%02x", random[i]);
    buf_add_printable(&name, slice_of(who->name));
    buf_add(&tenants, slice_of(who->scope));
    buf_addf(&from, "%s%s", who->peer, who->by_proxy ? ", by the proxy" : "");
    return id.full || name.full ? error_set(e, "a name is too long") : 0;
}

static int read_body(struct evhttp_request *request, struct act *act, struct error *e)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    size_t n = evbuffer_get_length(in);
    const char *text = n > 0 && n <= ACT_TEXT_MAX ? (const char *)evbuffer_pullup(in, -1) : NULL;

    return act_read_asked((struct slice){text, text != NULL ? n : 0}, act, e);
}

void acts_serve(struct acts *acts, const struct who *who, struct evhttp_request *request)
{
    struct asking *a = calloc(1, sizeof *a);
    struct refused refused;

    if (a == NULL) {
        answer_error(request, 503, "no memory; try again");
        return;
    }
    a->job = (struct job){.work = on_work, .done = on_done};
    a->owner = acts;
    a->request = request;
    a->status = 400;
    if (access_change(who, request, &refused) != 0)
        answer_error(request, refused.status, refused.text);
    else if (read_body(request, &a->act, &a->e) != 0 || sign(&a->act, who, &a->e) != 0)
        answer_error(request, a->status, a->e.text);
    else if (pool_add(acts->pool, &a->job) != 0)
        answer_later(request, 503, 2, "too many ask at a time; try again");
    else
        return;
    free(a);
}

/* ---- begin and end ---- */

struct acts *acts_new(struct pool *pool, struct shelf *shelf, struct log *log)
{
    struct acts *acts = calloc(1, sizeof *acts);

    if (acts != NULL)
        *acts = (struct acts){pool, shelf, log};
    return acts;
}

void acts_free(struct acts *acts)
{
    free(acts);
}
