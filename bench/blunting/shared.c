/*
 * Several relays that count as one: what postern-cluster does between their state and Redis, with its own files
 * (cluster/), but for the connections: a table in memory stands in for Redis, with the meaning of its script, and words
 * of one relay are told to the others at once. All is shared every 50 ms of the simulation.
 */
#include "bench/blunting/shared.h"

#include "cluster/batch.h"
#include "cluster/block_text.h"
#include "cluster/bytes.h"
#include "cluster/events.h"
#include "cluster/habit_list.h"
#include "cluster/proof.h"
#include "cluster/shared_blocks.h"
#include "core/base/clock.h"
#include "core/state/habits_others.h"
#include "core/state/outbox.h"
#include "core/state/state.h"

#include <stdlib.h>
#include <string.h>

#define FLUSH_MS 50
#define NS_PER_US 1000
#define DRAINED 256
#define STORED_AT_FIRST (1u << 16)

/* A counter's end, or a member's mark. */
struct stored {
    uint64_t key, end_us;
    bool mark;
    unsigned char proof[PROOF_BYTES];
};

struct redis {
    struct stored *stored;
    size_t room, n;
};

struct sharing {
    struct state *state;
    struct outbox *outbox;
    struct pending *pending;
    struct habit_list *habits;
    struct events *events;
    struct shared_blocks *blocks;
    uint64_t looked_changes; /* the blocks had changed so often when they were compared last */
    unsigned char id[OUTBOX_IDENTITY_BYTES];
    struct batch batch;
};

struct shared {
    struct sharing of[SHARED_MOST];
    unsigned n;
    struct redis redis;
    struct cluster_key key;
    uint64_t next_ms;
};

/* ---- in the place of Redis ---- */

static uint64_t now_us(void)
{
    return clock_wall_ns() / NS_PER_US;
}

static struct stored *place_of(const struct redis *r, uint64_t key)
{
    size_t at = key * UINT64_C(0x9e3779b97f4a7c15) >> 20 & (r->room - 1);

    while (r->stored[at].key != 0 && r->stored[at].key != key)
        at = (at + 1) & (r->room - 1);
    return r->stored + at;
}

/* Without what has ended; twice as large, if that is not enough. */
static int redis_grow(struct redis *r)
{
    struct redis old = *r;
    size_t live = 0;

    for (size_t i = 0; i < old.room; i++)
        live += old.stored[i].key != 0 && old.stored[i].end_us > now_us();
    r->room = old.room == 0 ? STORED_AT_FIRST : live > old.room / 4 ? 2 * old.room : old.room;
    if ((r->stored = calloc(r->room, sizeof *r->stored)) == NULL)
        return -1;
    r->n = 0;
    for (size_t i = 0; i < old.room; i++)
        if (old.stored[i].key != 0 && old.stored[i].end_us > now_us()) {
            *place_of(r, old.stored[i].key) = old.stored[i];
            r->n++;
        }
    free(old.stored);
    return 0;
}

/* NULL without memory. */
static struct stored *redis_get(struct redis *r, uint64_t key)
{
    struct stored *s;

    if (2 * (r->n + 1) > r->room && redis_grow(r) != 0)
        return NULL;
    s = place_of(r, key);
    if (s->key == 0) {
        *s = (struct stored){.key = key};
        r->n++;
    } else if (s->end_us <= now_us()) {
        *s = (struct stored){.key = key};
    }
    return s;
}

static uint64_t left_us(const struct stored *s)
{
    return s->end_us > now_us() ? s->end_us - now_us() : 0;
}

/* As the script's add, in microseconds. */
static void redis_add(struct stored *s, int64_t amount, uint64_t cap)
{
    uint64_t left = left_us(s), sum;

    if (amount <= 0) {
        s->end_us = now_us() + (left > (uint64_t)-amount ? left - (uint64_t)-amount : 0);
        return;
    }
    sum = left + (uint64_t)amount < cap ? left + (uint64_t)amount : cap;
    s->end_us = now_us() + (sum > left ? sum : left);
}

static uint64_t cap_us(uint64_t burst_ns)
{
    return (burst_ns == 0 ? COUNTERS_LONGEST_WINDOW_NS : 2 * burst_ns) / NS_PER_US;
}

struct answer {
    struct reply reply, of[BATCH_ENTRIES_MAX + 2 * BATCH_MEMBERS_MAX];
    struct reply *elements[BATCH_ENTRIES_MAX + 2 * BATCH_MEMBERS_MAX];
    unsigned char proofs[BATCH_MEMBERS_MAX][PROOF_BYTES];
};

static void answer_left(struct answer *a, size_t i, const struct stored *s)
{
    a->of[i] = (struct reply){.type = REPLY_INTEGER, .integer = (int64_t)left_us(s)};
}

/* The member's mark first: it counts where that is new. */
static int execute_member(struct shared *sh, const struct sharing *from, const struct pending_member *m, size_t i,
                          struct answer *a)
{
    const struct proof_of of = {m->key, m->member, bytes_get32(from->id), clock_wall_s()};
    struct stored *mark = redis_get(&sh->redis, m->member), *limit;
    struct slice shown = {"", 0};
    size_t at = from->batch.n + 2 * i;

    if (mark == NULL)
        return -1;
    if (mark->mark) {
        memcpy(a->proofs[i], mark->proof, PROOF_BYTES);
        shown = (struct slice){(const char *)a->proofs[i], PROOF_BYTES};
    }
    mark->mark = true;
    mark->end_us = now_us() + m->keep_ns / NS_PER_US;
    if (proof_make(&sh->key, &of, mark->proof) != 0 || (limit = redis_get(&sh->redis, m->key)) == NULL)
        return -1;
    if (shown.n == 0)
        redis_add(limit, (int64_t)(m->ns / NS_PER_US), cap_us(m->burst_ns));
    answer_left(a, at, limit);
    a->of[at + 1] = (struct reply){.type = REPLY_TEXT, .text = shown};
    return 0;
}

static int execute(struct shared *sh, const struct sharing *from, struct answer *a)
{
    const struct batch *b = &from->batch;

    a->reply = (struct reply){.type = REPLY_ARRAY, .elements = a->elements, .n = b->n + 2 * b->n_members};
    for (size_t i = 0; i < a->reply.n; i++)
        a->elements[i] = a->of + i;
    for (size_t i = 0; i < b->n_members; i++)
        if (execute_member(sh, from, b->members + i, i, a) != 0)
            return -1;
    for (size_t i = 0; i < b->n; i++) {
        struct stored *s = redis_get(&sh->redis, b->entries[i].key);

        if (s == NULL)
            return -1;
        if (b->entries[i].reset)
            s->end_us = 0;
        redis_add(s, b->entries[i].add_ns / NS_PER_US, cap_us(b->entries[i].burst_ns));
        if (left_us(s) < b->floors_ns[i] / NS_PER_US)
            s->end_us = now_us() + b->floors_ns[i] / NS_PER_US;
        answer_left(a, i, s);
    }
    return 0;
}

/* ---- what a relay tells the others ---- */

static struct moment moment_of(const struct sharing *s)
{
    return (struct moment){state_now(s->state, clock_boot_ns()), clock_wall_ns() / NS_PER_MS};
}

static void note(struct sharing *s, const struct outbox_record *r)
{
    const struct moment at = moment_of(s);

    if (outbox_is_of_habit(r->kind))
        habit_list_take(s->habits, r);
    else if (r->kind == OUTBOX_FIRST || r->kind == OUTBOX_LATEST)
        (void)events_add_mark(s->events, at.wall_ms, r->kind == OUTBOX_FIRST ? MARK_FIRST : MARK_LATEST, r->key, r->ns);
    else if (r->kind == OUTBOX_LIFT || r->kind == OUTBOX_RESET)
        (void)events_add_forget(s->events, at.wall_ms, r->key,
                                shared_blocks_lifted_here(s->blocks, state_blocks(s->state), r->key, &at));
    else if (r->kind == OUTBOX_DISTINCT)
        (void)events_add_mark(s->events, at.wall_ms, MARK_LATEST, r->member, r->keep_ns);
    (void)pending_take(s->pending, r);
}

static void drain(struct sharing *s)
{
    struct outbox_record records[DRAINED];
    size_t n;

    do {
        n = outbox_drain(s->outbox, clock_boot_ns(), records, DRAINED);
        for (size_t i = 0; i < n; i++)
            note(s, records + i);
    } while (n == DRAINED);
}

static void hear_forget(struct sharing *s, const unsigned char *p, const struct moment *at)
{
    uint64_t key = bytes_get64(p);

    (void)counters_reset(state_counters(s->state), key, at->now_ns);
    pending_forget(s->pending, key);
    (void)shared_blocks_lift(s->blocks, state_blocks(s->state), key, bytes_get64(p + 8), at);
}

static void hear_mark(struct sharing *s, const unsigned char *p, const struct moment *at)
{
    struct counters *counters = state_counters(s->state);
    uint64_t key = bytes_get64(p + 1), ns = bytes_get64(p + 9),
             here_ns = counters_marked_for(counters, key, at->now_ns);
    bool crowded;

    if (p[0] == MARK_FIRST && here_ns > ns)
        counters_return(counters, key, here_ns - ns, at->now_ns);
    else if (p[0] == MARK_LATEST || here_ns == 0)
        (void)counters_mark(counters, key, at->now_ns, ns, p[0] == MARK_LATEST, &crowded);
}

static void hear_event(struct sharing *s, struct slice text)
{
    const struct moment at = moment_of(s);
    const unsigned char *p = (const unsigned char *)text.p + EVENT_HEAD_BYTES;
    struct slice body = {text.p + EVENT_HEAD_BYTES, text.n - EVENT_HEAD_BYTES};
    struct block block;
    uint64_t origin_ms;

    if (text.p[0] == EVENT_BLOCK && block_text_read(body, 0, at.now_ns, &block, &origin_ms) == 0)
        (void)shared_blocks_take(s->blocks, state_blocks(s->state), &block, origin_ms, &at, NULL);
    for (size_t i = 0; text.p[0] == EVENT_FORGET && i < body.n / FORGET_ENTRY_BYTES; i++)
        hear_forget(s, p + i * FORGET_ENTRY_BYTES, &at);
    for (size_t i = 0; text.p[0] == EVENT_MARKS && i < body.n / MARK_ENTRY_BYTES; i++)
        hear_mark(s, p + i * MARK_ENTRY_BYTES, &at);
}

static void hear_habit(struct sharing *s, const struct habit_word *word, uint64_t age_ns)
{
    struct habits *habits = state_habits(s->state);
    uint64_t now_ns = state_now(s->state, clock_boot_ns()), then_ns = now_ns - age_ns;

    if (word->kind == OUTBOX_HABIT)
        habits_add(habits, word->key, word->units, then_ns, now_ns);
    else if (word->kind == OUTBOX_HABIT_RETURN)
        habits_return(habits, word->key, word->units, then_ns, now_ns);
    else if (word->kind == OUTBOX_HABIT_DEFERRED)
        (void)habits_deferred_note(habits, word->key, then_ns);
    else if (word->kind == OUTBOX_HABIT_FORGET)
        habits_forget_week(habits, word->key, now_ns);
    else if (word->kind == OUTBOX_HABIT_LIFT || word->kind == OUTBOX_HABIT_ACCEPT)
        habits_lift(habits, word->key, now_ns, word->kind == OUTBOX_HABIT_ACCEPT);
}

static void tell_others(struct shared *sh, struct sharing *from)
{
    const struct moment at = moment_of(from);
    struct habit_word word;
    struct slice text;

    if (blocks_changes(state_blocks(from->state)) != from->looked_changes) {
        from->looked_changes = blocks_changes(state_blocks(from->state));
        shared_blocks_look(from->blocks, state_blocks(from->state), &at, from->events);
    }
    while ((text = events_send(from->events)).n > 0) {
        for (unsigned i = 0; i < sh->n; i++)
            if (sh->of + i != from)
                hear_event(sh->of + i, text);
        events_arrived(from->events, at.now_ns);
    }
    (void)habit_list_begin_round(from->habits);
    while (habit_list_next(from->habits, &word)) {
        uint64_t now_s = at.now_ns / NS_PER_S, age_s = now_s > word.at_s ? now_s - word.at_s : 0;

        for (unsigned i = 0; i < sh->n; i++)
            if (sh->of + i != from)
                hear_habit(sh->of + i, &word, age_s * NS_PER_S);
    }
}

static void push_hot(struct shared *sh, const struct sharing *from, const struct hot_list *hot)
{
    unsigned char text[HOT_MAX * HOT_ENTRY_BYTES];
    size_t n = hot_write(hot, text);

    for (unsigned i = 0; n > 0 && i < sh->n; i++)
        if (sh->of + i != from)
            (void)hot_apply((struct slice){(const char *)text, n}, state_counters(sh->of[i].state), sh->of[i].pending,
                            moment_of(sh->of + i).now_ns);
}

static int tell_counters(struct shared *sh, struct sharing *from, struct error *e)
{
    static struct answer answer;
    struct counters *counters = state_counters(from->state);
    const struct batch_applying with = {.sender = {&sh->key, from->id, clock_wall_s()},
                                        .counters = counters,
                                        .pending = from->pending,
                                        .now_ns = moment_of(from).now_ns,
                                        .round_trip_ns = NS_PER_MS};

    (void)pending_begin_round(from->pending);
    while (pending_count(from->pending) > 0) {
        struct hot_list hot = {.n = 0};
        struct batch_counts counts = {.keys = 0};

        if (!batch_fill(&from->batch, from->pending, counters, with.now_ns))
            continue;
        if (execute(sh, from, &answer) != 0)
            return error_set(e, "no memory for what relays share");
        if (batch_apply(&from->batch, &answer.reply, &with, &hot, &counts, e) != 0)
            return -1;
        push_hot(sh, from, &hot);
    }
    return 0;
}

int shared_go_on(struct shared *sh, uint64_t at_ms, struct error *e)
{
    if (sh == NULL || at_ms < sh->next_ms)
        return 0;
    sh->next_ms = at_ms + FLUSH_MS;
    for (unsigned i = 0; i < sh->n; i++) {
        drain(sh->of + i);
        if (tell_counters(sh, sh->of + i, e) != 0)
            return -1;
        tell_others(sh, sh->of + i);
        (void)outbox_begin_round(sh->of[i].outbox);
        outbox_end_round(sh->of[i].outbox);
    }
    return 0;
}

/* ---- beginning ---- */

struct shared *shared_new(struct error *e)
{
    static const unsigned char bytes[CLUSTER_KEY_BYTES] = {1};
    struct shared *sh = calloc(1, sizeof *sh);

    if (sh != NULL && redis_grow(&sh->redis) == 0 && cluster_key_derive(bytes, &sh->key, e) == 0)
        return sh;
    free(sh);
    (void)error_set(e, "no memory for what relays share");
    return NULL;
}

int shared_add(struct shared *sh, const char *state, const char *outbox, struct error *e)
{
    struct sharing *s = sh->of + sh->n;
    const struct state_options options = {
        .path = state, .boot_ns = clock_boot_ns(), .wall_ns = clock_wall_ns(), .boot_id = clock_boot_id()};

    if (sh->n == SHARED_MOST)
        return error_set(e, "at most %u relays", SHARED_MOST);
    if (state_open(&options, &s->state, e) != 0 || outbox_open(outbox, OUTBOX_READER, &s->outbox, e) != 0)
        return -1;
    if ((s->pending = pending_new()) == NULL || (s->habits = habit_list_new()) == NULL ||
        (s->events = events_new()) == NULL || (s->blocks = shared_blocks_new(4096)) == NULL ||
        !outbox_identity(s->outbox, clock_boot_id(), s->id))
        return error_set(e, "no memory for what relays share");
    sh->n++;
    return 0;
}

void shared_free(struct shared *sh)
{
    for (unsigned i = 0; sh != NULL && i < sh->n; i++) {
        struct sharing *s = sh->of + i;

        shared_blocks_free(s->blocks);
        events_free(s->events);
        habit_list_free(s->habits);
        pending_free(s->pending);
        outbox_close(s->outbox);
        state_close(s->state);
    }
    if (sh != NULL)
        free(sh->redis.stored);
    free(sh);
}
