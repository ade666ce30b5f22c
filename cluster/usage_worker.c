#include "cluster/usage_worker.h"

#include "cluster/usage_heard.h"
#include "cluster/usage_teller.h"
#include "core/base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* Whom it has missed something of, a relay asks so often at most, but at once where it has missed more. */
#define ASK_EVERY_S 600
#define FORGET_EVERY_S 60
#define SHARED_EVERY_S 30

struct waiting {
    unsigned char *text; /* malloc'ed; NULL: none */
    size_t n;
    unsigned long long id[2];
};

/* Whom this relay has asked for everything, and when. */
struct asked_before {
    char name[RELAY_NAME_MAX];
    struct told_place from;
    int64_t at_s;
};

enum slot { SLOT_EMPTY, SLOT_FILLED, SLOT_TAKEN, SLOT_ARRIVED };

struct usage_worker {
    struct usage_worker_options o;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, up to the thread's own */
    pthread_cond_t wake;
    bool stops;
    bool keeps; /* the others' usage is open: read_to and epoch hold */
    struct waiting waiting[USAGE_WAITING_MAX];
    size_t n_waiting;
    unsigned long long read_to[2];
    char epoch[sizeof((struct others_own *)0)->epoch];
    enum slot slot;
    size_t record_n;
    unsigned char record[USAGE_RECORD_MAX]; /* the thread's while the slot is empty */
    int64_t shares_s;                       /* wall clock; 0: it never did */
    char peers[OTHERS_RELAYS_MAX][RELAY_NAME_MAX];
    size_t n_peers;
    uint64_t false_records, newer;
    /* the thread's own */
    struct others *others;
    struct journal *journal;
    struct usage_teller teller;
    struct asked_before asked[OTHERS_RELAYS_MAX]; /* a ring */
    size_t n_asked;
    int64_t forgot_s, lived_s;
    bool said_others, said_journal;
};

/* ---- from the node's thread ---- */

static void lock(struct usage_worker *w)
{
    (void)pthread_mutex_lock(&w->lock);
}

static void unlock(struct usage_worker *w)
{
    (void)pthread_mutex_unlock(&w->lock);
}

bool usage_worker_position(struct usage_worker *w, const char *epoch, unsigned long long id[2])
{
    bool keeps;

    lock(w);
    if ((keeps = w->keeps) && strcmp(w->epoch, epoch) != 0) {
        struct buf b = BUF_OVER(w->epoch);

        buf_add(&b, slice_of(epoch));
        w->read_to[0] = w->read_to[1] = 0;
    }
    memcpy(id, w->read_to, sizeof w->read_to);
    unlock(w);
    return keeps;
}

size_t usage_worker_room(struct usage_worker *w)
{
    size_t n;

    lock(w);
    n = w->keeps ? USAGE_WAITING_MAX - w->n_waiting : 0;
    unlock(w);
    return n;
}

/* Without memory it is as one that was missed: its relay is asked for everything. */
void usage_worker_give(struct usage_worker *w, struct slice text, const unsigned long long id[2])
{
    unsigned char *copy = text.n > 0 ? malloc(text.n) : NULL;

    if (copy != NULL)
        memcpy(copy, text.p, text.n);
    lock(w);
    memcpy(w->read_to, id, sizeof w->read_to);
    if (copy != NULL && w->n_waiting < USAGE_WAITING_MAX) {
        w->waiting[w->n_waiting++] = (struct waiting){copy, text.n, {id[0], id[1]}};
        copy = NULL;
    }
    unlock(w);
    free(copy);
}

size_t usage_worker_take(struct usage_worker *w, unsigned char out[USAGE_RECORD_MAX])
{
    size_t n = 0;

    lock(w);
    if (w->slot == SLOT_FILLED) {
        w->slot = SLOT_TAKEN;
        n = w->record_n;
        memcpy(out, w->record, n);
    }
    unlock(w);
    return n;
}

void usage_worker_told(struct usage_worker *w, bool arrived)
{
    lock(w);
    if (w->slot == SLOT_TAKEN)
        w->slot = arrived ? SLOT_ARRIVED : SLOT_FILLED;
    unlock(w);
}

void usage_worker_shares(struct usage_worker *w, const struct beats *beats, uint64_t boot_ns)
{
    lock(w);
    w->shares_s = clock_wall_s();
    w->n_peers = 0;
    for (unsigned i = 0; i < BEAT_PEERS_MAX && w->n_peers < OTHERS_RELAYS_MAX; i++) {
        const struct beat_peer *p = beats->peers + i;
        struct buf b = BUF_OVER(w->peers[w->n_peers]);

        if (p->said == NULL || beat_is_silent(p, boot_ns))
            continue;
        buf_add(&b, slice_of(beat_name(p->said)));
        w->n_peers++;
    }
    unlock(w);
}

void usage_worker_counts(struct usage_worker *w, uint64_t *false_records, uint64_t *newer)
{
    lock(w);
    *false_records = w->false_records;
    *newer = w->newer;
    w->false_records = w->newer = 0;
    unlock(w);
}

/* ---- the thread ---- */

static void drop_waiting(struct usage_worker *w)
{
    for (size_t i = 0; i < w->n_waiting; i++)
        free(w->waiting[i].text);
    w->n_waiting = 0;
}

static void say(struct usage_worker *w, bool *said, const char *what)
{
    if (!*said)
        log_say(w->o.log, LEVEL_WARNING, "%s", what);
    *said = true;
}

/* What can't be kept was not given: it is read again, or asked for. */
static void close_others(struct usage_worker *w, const char *why)
{
    struct error e;

    (void)error_set(&e, "the usage of the other relays cannot be kept, which is tried again: %s", why);
    say(w, &w->said_others, e.text);
    others_close(w->others);
    w->others = NULL;
    lock(w);
    w->keeps = false;
    drop_waiting(w);
    unlock(w);
}

static bool open_others(struct usage_worker *w)
{
    struct error e = {""}, notice = {""};
    struct others_own own;

    if (w->others != NULL && others_stale(w->others))
        close_others(w, OTHERS_NAME " was removed or replaced");
    if (w->others != NULL)
        return true;
    if (others_open(w->o.folder, true, &w->others, &notice, &e) != 0 || others_load_own(w->others, &own, &e) != 0) {
        close_others(w, e.text);
        return false;
    }
    if (notice.text[0] != '\0')
        log_say(w->o.log, LEVEL_WARNING, "%s", notice.text);
    usage_teller_begin(&w->teller, w->o.name, &own, (int64_t)(clock_wall_ns() / NS_PER_MS));
    lock(w);
    drop_waiting(w);
    w->keeps = true;
    memcpy(w->read_to, own.read_to, sizeof w->read_to);
    memcpy(w->epoch, own.epoch, sizeof w->epoch);
    w->slot = SLOT_EMPTY; /* what was on its way is told by another number, too */
    unlock(w);
    return true;
}

static int hear_all(struct usage_worker *w, const struct waiting *list, size_t n, int64_t now_s, struct error *e)
{
    uint64_t false_records = 0, newer = 0;

    for (size_t i = 0; i < n; i++) {
        struct told_place from;
        enum usage_heard heard;
        bool asks;

        if (usage_hear(w->others, w->o.name, (struct slice){(const char *)list[i].text, list[i].n}, now_s, &heard,
                       &asks, &from, e) != 0)
            return -1;
        if (asks)
            usage_teller_asked(&w->teller, from);
        false_records += heard == USAGE_HEARD_FALSE;
        newer += heard == USAGE_HEARD_NEWER;
    }
    lock(w);
    w->false_records += false_records;
    w->newer += newer;
    unlock(w);
    return 0;
}

/* What the node's thread left, taken over by a round. */
struct taken_over {
    struct waiting waiting[USAGE_WAITING_MAX];
    size_t n;
    unsigned long long read_to[2];
    char epoch[sizeof((struct others_own *)0)->epoch];
    bool arrived;
    int64_t shares_s;
    char peers[OTHERS_RELAYS_MAX][RELAY_NAME_MAX];
    size_t n_peers;
};

static void take_over(struct usage_worker *w, struct taken_over *t)
{
    lock(w);
    memcpy(t->waiting, w->waiting, sizeof t->waiting);
    t->n = w->n_waiting;
    w->n_waiting = 0;
    memcpy(t->read_to, w->read_to, sizeof t->read_to);
    memcpy(t->epoch, w->epoch, sizeof t->epoch);
    t->arrived = w->slot == SLOT_ARRIVED;
    if (t->arrived)
        w->slot = SLOT_EMPTY;
    t->shares_s = w->shares_s;
    memcpy(t->peers, w->peers, sizeof t->peers);
    t->n_peers = w->n_peers;
    unlock(w);
}

static bool lives_are_due(const struct usage_worker *w, const struct taken_over *t, int64_t now_s)
{
    return t->shares_s != 0 && (now_s < w->lived_s || now_s >= w->lived_s + SHARED_EVERY_S);
}

static int hear_lives(struct usage_worker *w, const struct taken_over *t, int64_t now_s, struct error *e)
{
    w->lived_s = now_s;
    for (size_t i = 0; i < t->n_peers && t->shares_s >= now_s - SHARED_EVERY_S; i++)
        if (usage_hear_life(w->others, w->o.name, slice_of(t->peers[i]), now_s, e) != 0)
            return -1;
    w->teller.now.own.shared_s = w->teller.next.own.shared_s = t->shares_s;
    return 0;
}

/* Nothing is written where nothing has happened. */
static int keep(struct usage_worker *w, const struct taken_over *t, int64_t now_s, struct error *e)
{
    struct others_own *own = &w->teller.now.own;
    bool lives = lives_are_due(w, t, now_s);

    if (t->arrived)
        usage_teller_arrived(&w->teller);
    if (t->n == 0 && !t->arrived && !lives && strcmp(own->epoch, t->epoch) == 0 && own->read_to[0] == t->read_to[0] &&
        own->read_to[1] == t->read_to[1])
        return 0;
    memcpy(own->read_to, t->read_to, sizeof own->read_to);
    memcpy(own->epoch, t->epoch, sizeof own->epoch);
    if (others_begin(w->others, e) != 0 || hear_all(w, t->waiting, t->n, now_s, e) != 0 ||
        (lives && hear_lives(w, t, now_s, e) != 0) || others_save_own(w->others, own, e) != 0 ||
        others_commit(w->others, e) != 0)
        return -1;
    w->said_others = false; /* what can be opened cannot always be written */
    return 0;
}

/* ---- telling ---- */

static void say_untold(struct usage_worker *w, struct error *why)
{
    (void)error_prefix(why, "the others are told no usage of this relay, which is tried again");
    say(w, &w->said_journal, why->text);
}

static bool open_journal(struct usage_worker *w)
{
    struct error e;

    if (w->journal != NULL)
        return true;
    if (w->o.journal[0] == '\0') {
        say(w, &w->said_journal, "this relay keeps no journal (journal = \"\"): the others are told no usage of it");
        return false;
    }
    if (journal_open(w->o.journal, NULL, &w->journal, &e) == 0)
        return true;
    w->journal = NULL;
    say_untold(w, &e);
    return false;
}

static bool is_asked(const struct usage_worker *w, const struct usage_asked *a, int64_t now_s)
{
    for (size_t i = 0; i < OTHERS_RELAYS_MAX; i++) {
        const struct asked_before *b = &w->asked[i];

        if (slice_eq(a->relay, slice_of(b->name)) && !told_before(b->from, a->from) && b->at_s <= now_s &&
            b->at_s > now_s - ASK_EVERY_S)
            return true;
    }
    return false;
}

/* Who is to be asked now. The names lie in list. 0, or -1 with e. */
static int find_asked(struct usage_worker *w, int64_t now_s, struct others_relay list[OTHERS_RELAYS_MAX],
                      struct usage_asked asked[USAGE_ASKED_MAX], size_t *n, struct error *e)
{
    struct usage_asked missed[OTHERS_RELAYS_MAX];
    size_t n_list, n_missed;

    *n = 0;
    if (others_relays(w->others, list, &n_list, e) != 0)
        return -1;
    n_missed = usage_find_missed(list, n_list, now_s, missed);
    for (size_t i = 0; i < n_missed && *n < USAGE_ASKED_MAX; i++)
        if (!is_asked(w, &missed[i], now_s))
            asked[(*n)++] = missed[i];
    return 0;
}

static void note_asked(struct usage_worker *w, const struct usage_asked *asked, size_t n, int64_t now_s)
{
    for (size_t i = 0; i < n; i++) {
        struct asked_before *b = &w->asked[w->n_asked++ % OTHERS_RELAYS_MAX];
        struct buf name = BUF_OVER(b->name);

        buf_add(&name, asked[i].relay);
        b->from = asked[i].from;
        b->at_s = now_s;
    }
}

static int tell(struct usage_worker *w, int64_t now_s, struct error *e)
{
    struct others_relay list[OTHERS_RELAYS_MAX];
    struct usage_asked asked[USAGE_ASKED_MAX];
    size_t n_asked, n = 0;
    struct error why;
    bool empty;

    lock(w);
    empty = w->slot == SLOT_EMPTY && w->shares_s >= now_s - SHARED_EVERY_S;
    unlock(w);
    if (!empty || !open_journal(w))
        return 0;
    if (find_asked(w, now_s, list, asked, &n_asked, e) != 0)
        return -1;
    if (usage_teller_next(&w->teller, w->journal, now_s, asked, n_asked, w->record, &n, &why) != 0) {
        journal_close(w->journal);
        w->journal = NULL;
        say_untold(w, &why);
        return 0;
    }
    w->said_journal = false; /* what can be opened cannot always be read */
    note_asked(w, asked, n_asked, now_s);
    lock(w);
    w->record_n = n;
    w->slot = n > 0 ? SLOT_FILLED : SLOT_EMPTY;
    unlock(w);
    return 0;
}

static int forget(struct usage_worker *w, int64_t now_s, struct error *e)
{
    if (now_s >= w->forgot_s && now_s < w->forgot_s + FORGET_EVERY_S)
        return 0;
    w->forgot_s = now_s;
    return others_forget(w->others, now_s, e);
}

static void make_round(struct usage_worker *w)
{
    struct taken_over *t = calloc(1, sizeof *t);
    int64_t now_s = clock_wall_s();
    struct error e;

    if (t == NULL || !open_others(w)) {
        free(t);
        return;
    }
    take_over(w, t);
    if (keep(w, t, now_s, &e) != 0 || tell(w, now_s, &e) != 0 || forget(w, now_s, &e) != 0)
        close_others(w, e.text);
    for (size_t i = 0; i < t->n; i++)
        free(t->waiting[i].text);
    free(t);
}

/* False: it is time to end. */
static bool wait_round(struct usage_worker *w)
{
    struct timespec until;
    bool stops;
    int code = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    lock(w);
    while (!w->stops && code == 0)
        code = pthread_cond_timedwait(&w->wake, &w->lock, &until);
    stops = w->stops;
    unlock(w);
    return !stops;
}

static void *run(void *arg)
{
    struct usage_worker *w = arg;

    do
        make_round(w);
    while (wait_round(w));
    make_round(w); /* what has arrived is kept */
    return NULL;
}

/* ---- from outside ---- */

static void worker_destroy(struct usage_worker *w)
{
    drop_waiting(w);
    journal_close(w->journal);
    others_close(w->others);
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_cond_destroy(&w->wake);
    free(w);
}

struct usage_worker *usage_worker_new(const struct usage_worker_options *options, struct error *e)
{
    struct usage_worker *w = calloc(1, sizeof *w);
    pthread_condattr_t clock;
    sigset_t all, before;
    int code;

    if (w == NULL) {
        (void)error_set(e, "no memory for the usage of relays");
        return NULL;
    }
    w->o = *options;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &clock);
    (void)pthread_condattr_destroy(&clock);
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&w->thread, NULL, run, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0)
        return w;
    (void)error_set(e, "no thread for the usage of relays");
    worker_destroy(w);
    return NULL;
}

void usage_worker_free(struct usage_worker *w)
{
    if (w == NULL)
        return;
    lock(w);
    w->stops = true;
    (void)pthread_cond_signal(&w->wake);
    unlock(w);
    (void)pthread_join(w->thread, NULL);
    worker_destroy(w);
}
