#include "web/live.h"

#include "core/base/clock.h"
#include "core/print/print.h"
#include "core/report/decisions.h"
#include "web/answers.h"
#include "web/rates.h"
#include "web/server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define HEARTBEAT_S 15
/* After so long a browser connects again, and a proxy is asked again. */
#define PROXY_S 600
#define DECISIONS_MOST 20
#define BLOCKS_MOST 50

struct looker {
    TAILQ_ENTRY(looker) links;
    struct live *live;
    struct evhttp_request *request;
    struct access *access;
    struct who who;
    uint64_t since_ns;
};
TAILQ_HEAD(looker_list, looker);

struct live {
    struct job job; /* first */
    struct pool *pool;
    struct shelf *shelf;
    struct event *tick;
    struct looker_list lookers;
    unsigned n_lookers, ticks;
    bool looking; /* the job is being done */
    bool fresh;   /* somebody looks on who has seen nothing yet */
    /* of the job, whichever thread does it */
    bool wanted;        /* somebody looks on */
    bool whole;         /* the event has all blocks, changed or not */
    bool begun;         /* rates were begun */
    uint64_t newest_ns; /* the last decision that was told */
    uint64_t changes;   /* blocks_changes as told */
    struct rates_totals told;
    char *text; /* the event, or NULL: nothing is new */
    size_t n;
    /* of all, under the lock */
    pthread_mutex_t lock;
    struct rates rates;
};

/* ---- looking; in a thread ---- */

static void look_at_rates(struct live *live, struct journal *journal, struct rates_totals *now)
{
    struct error e;

    (void)pthread_mutex_lock(&live->lock);
    if (!live->begun) {
        (void)rates_begin(&live->rates, journal, clock_wall_s(), &e);
        live->begun = true;
        *now = live->rates.last;
        live->told = *now;
    } else if (rates_read(journal, now, &e) == 0) {
        rates_add(&live->rates, now, clock_wall_s());
    } else {
        *now = live->rates.last;
    }
    (void)pthread_mutex_unlock(&live->lock);
}

/* What was decided since the last event, by action. False: nothing. */
static bool put_counts(struct live *live, const struct rates_totals *now, struct printer *out)
{
    bool any = false;

    out->open(out, "decided", TREE_OBJECT);
    for (unsigned i = 0; i < RATES_ACTIONS; i++) {
        uint64_t n = now->actions[i] >= live->told.actions[i] ? now->actions[i] - live->told.actions[i] : 0;

        any |= n > 0;
        out->value(out, action_name((enum action)i), value_number(n));
    }
    out->close(out);
    live->told = *now;
    return any;
}

static void put_blocks(struct report_files *f, uint64_t now_ns, struct printer *out)
{
    static const struct column columns[] = {{"subject", VALUE_TEXT}, {"since", VALUE_TIME}, {"limit", VALUE_TEXT}};
    struct block block;
    uint64_t n = 0;

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "blocks"});
    for (uint32_t at = 0; blocks_next(state_blocks(f->state), &at, now_ns, &block); n++)
        if (n < BLOCKS_MOST)
            out->row(out, (const struct value[]){value_word(block.subject), value_time(block.from_wall_s),
                                                 value_word(block.limit)});
    out->end(out);
    out->value(out, "blocked", value_number(n));
}

/* When they have changed. */
static bool put_new_blocks(struct live *live, struct report_files *f, struct printer *out)
{
    struct error e;
    uint64_t changes;

    if (files_open_state(f, &e) != 0)
        return false;
    changes = blocks_changes(state_blocks(f->state));
    if (changes == live->changes && !live->whole)
        return false;
    live->changes = changes;
    put_blocks(f, state_now(f->state, clock_boot_ns()), out);
    return true;
}

static bool take_newest(void *arg, const struct journal_record *r)
{
    *(uint64_t *)arg = r->at_ns;
    return false;
}

/* The newest decisions that were not told yet: a sample, of which the log has all. */
static bool put_decisions(struct live *live, struct report_files *f, struct printer *out)
{
    struct journal_query query = {.since_ns = live->newest_ns + 1};
    struct decisions_wanted wanted = {.since_ns = live->newest_ns + 1, .most = DECISIONS_MOST};
    uint64_t newest = live->newest_ns;
    struct error e;
    size_t n;

    if (journal_decisions(f->journal, &query, take_newest, &newest, &e) != 0 || newest == live->newest_ns)
        return false;
    live->newest_ns = newest;
    wanted.name = "decisions";
    return decisions_report(f, &wanted, out, &n, &e) == 0;
}

/* The event in one line: JSON's strings hold no line break. */
static void make_event(struct live *live, struct report_files *f, const struct rates_totals *now, bool has_journal)
{
    static const struct terminal none = {.columns = 0};
    FILE *to = open_memstream(&live->text, &live->n);
    struct printer *out = to != NULL ? print_begin(to, OUTPUT_JSON, &none, "postern-web", NULL) : NULL;
    bool any = false;

    if (out != NULL) {
        out->open(out, NULL, TREE_OBJECT);
        out->value(out, "at", value_time(clock_wall_s()));
        any |= has_journal && put_counts(live, now, out);
        any |= put_new_blocks(live, f, out);
        any |= has_journal && put_decisions(live, f, out);
        out->close(out);
    }
    any &= print_end(out) == 0;
    if (to == NULL || fclose(to) != 0 || !any) {
        free(live->text);
        live->text = NULL;
        return;
    }
    for (size_t i = 0; i < live->n; i++)
        if (live->text[i] == '\n')
            live->text[i] = ' ';
}

static void on_work(struct job *job)
{
    struct live *live = (struct live *)job;
    struct rates_totals now = {.actions = {0}};
    struct report_files *f;
    struct error e;
    bool has_journal;

    if ((f = shelf_take(live->shelf, &e)) == NULL)
        return;
    has_journal = files_open_journal(f, &e) == 0;
    if (has_journal)
        look_at_rates(live, f->journal, &now);
    if (live->wanted) {
        make_event(live, f, &now, has_journal);
    } else if (has_journal) {
        live->told = now;
        live->newest_ns = 0;
    }
    shelf_put(live->shelf, f);
}

/* ---- telling; in the loop ---- */

static void looker_end(struct looker *looker)
{
    struct live *live = looker->live;
    struct evhttp_connection *connection = evhttp_request_get_connection(looker->request);

    if (connection != NULL)
        evhttp_connection_set_closecb(connection, NULL, NULL);
    TAILQ_REMOVE(&live->lookers, looker, links);
    live->n_lookers--;
    evhttp_send_reply_end(looker->request);
    free(looker);
}

/* evhttp has taken the request off its connection, and leaves it to us. */
static void on_close(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    looker_end(arg);
}

/* The first one is there at once, so that a client and the proxies before it know that the stream is open. */
static void greet(const struct looker *looker)
{
    struct evbuffer *text = evbuffer_new();

    if (text == NULL || evbuffer_add_printf(text, "retry: 5000\n: here\n\n") < 0)
        server_drop(looker->request);
    else
        evhttp_send_reply_chunk(looker->request, text);
    if (text != NULL)
        evbuffer_free(text);
}

static void tell(struct live *live, const char *before, struct slice text)
{
    struct evbuffer *event = evbuffer_new();
    struct looker *looker, *next;

    for (looker = TAILQ_FIRST(&live->lookers); event != NULL && looker != NULL; looker = next) {
        next = TAILQ_NEXT(looker, links);
        if (server_unsent(looker->request) > LIVE_UNSENT_MAX) {
            server_drop(looker->request);
            continue;
        }
        (void)evbuffer_add_printf(event, "%s%.*s\n\n", before, SLICE_ARG(text));
        evhttp_send_reply_chunk(looker->request, event);
        (void)evbuffer_drain(event, evbuffer_get_length(event));
    }
    if (event != NULL)
        evbuffer_free(event);
}

/* Whose account or session has ended, though the connection has not. */
static void send_away(struct live *live)
{
    struct looker *looker, *next;

    for (looker = TAILQ_FIRST(&live->lookers); looker != NULL; looker = next) {
        next = TAILQ_NEXT(looker, links);
        if (!access_still(looker->access, &looker->who) ||
            (looker->who.way == WAY_PROXY && clock_boot_ns() - looker->since_ns > PROXY_S * NS_PER_S))
            looker_end(looker);
    }
}

static void on_done(struct job *job)
{
    struct live *live = (struct live *)job;

    live->looking = false;
    if (live->text != NULL)
        tell(live, "event: live\ndata: ", (struct slice){live->text, live->n});
    free(live->text);
    live->text = NULL;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct live *live = arg;

    (void)fd;
    (void)what;
    live->ticks++;
    send_away(live);
    if (live->n_lookers > 0 && live->ticks % HEARTBEAT_S == 0)
        tell(live, ": ", SLICE("still here"));
    if (live->looking || (live->n_lookers == 0 && live->ticks % RATES_STEP_S != 0))
        return;
    live->wanted = live->n_lookers > 0;
    live->whole = live->fresh;
    live->fresh = false;
    live->looking = pool_add(live->pool, &live->job) == 0;
}

/* How many streams are of the same person, and the one of these that is open the longest. */
static unsigned streams_of(const struct live *live, const struct who *who, struct looker **oldest)
{
    struct looker *looker;
    unsigned n = 0;

    for (looker = TAILQ_FIRST(&live->lookers); looker != NULL; looker = TAILQ_NEXT(looker, links)) {
        if (looker->who.way != who->way || strcmp(looker->who.name, who->name) != 0)
            continue;
        if (n++ == 0)
            *oldest = looker;
    }
    return n;
}

/*
 * Is there room for one more? Where all are taken, somebody with more streams than the newcomer would have then loses
 * the oldest of them, so that nobody can keep all others out.
 */
static bool make_room(struct live *live, const struct who *who)
{
    struct looker *looker, *oldest = NULL, *of_most = NULL;
    unsigned own, most = 0, n;

    if (live->n_lookers < LIVE_CLIENTS_MAX)
        return true;
    own = streams_of(live, who, &oldest);
    for (looker = TAILQ_FIRST(&live->lookers); looker != NULL; looker = TAILQ_NEXT(looker, links)) {
        n = streams_of(live, &looker->who, &oldest);
        if (n > most) {
            most = n;
            of_most = oldest;
        }
    }
    if (of_most == NULL || most <= own + 1)
        return false;
    looker_end(of_most);
    return true;
}

void live_serve(struct live *live, struct access *access, const struct who *who, struct evhttp_request *request)
{
    struct looker *looker = make_room(live, who) ? malloc(sizeof *looker) : NULL;

    if (looker == NULL) {
        answer_later(request, HTTP_SERVUNAVAIL, 60, "as many look on as can be served; try again later");
        return;
    }
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), "X-Accel-Buffering", "no");
    if (!server_stream(request, "text/event-stream")) {
        free(looker);
        return;
    }
    *looker =
        (struct looker){.live = live, .request = request, .access = access, .who = *who, .since_ns = clock_boot_ns()};
    TAILQ_INSERT_TAIL(&live->lookers, looker, links);
    live->n_lookers++;
    live->fresh = true;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, looker);
    greet(looker);
}

void live_report(struct live *live, struct printer *out)
{
    (void)pthread_mutex_lock(&live->lock);
    rates_report(&live->rates, out);
    (void)pthread_mutex_unlock(&live->lock);
}

/* ---- from outside ---- */

struct live *live_new(struct event_base *base, struct pool *pool, struct shelf *shelf)
{
    static const struct timeval second = {.tv_sec = 1};
    struct live *live = calloc(1, sizeof *live);

    if (live == NULL)
        return NULL;
    live->job.work = on_work;
    live->job.done = on_done;
    live->pool = pool;
    live->shelf = shelf;
    TAILQ_INIT(&live->lookers);
    (void)pthread_mutex_init(&live->lock, NULL);
    live->tick = event_new(base, -1, EV_PERSIST, on_tick, live);
    if (live->tick == NULL || event_add(live->tick, &second) != 0) {
        live_free(live);
        return NULL;
    }
    live->looking = pool_add(pool, &live->job) == 0;
    return live;
}

void live_free(struct live *live)
{
    struct looker *looker, *next;

    if (live == NULL)
        return;
    for (looker = TAILQ_FIRST(&live->lookers); looker != NULL; looker = next) {
        next = TAILQ_NEXT(looker, links);
        looker_end(looker);
    }
    if (live->tick != NULL)
        event_free(live->tick);
    free(live->text);
    (void)pthread_mutex_destroy(&live->lock);
    free(live);
}
