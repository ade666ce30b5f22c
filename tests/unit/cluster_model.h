/*
 * A cluster without a network: nodes with real counters and real outboxes, what the program that shares them does, and
 * a Redis with the meaning of its script; under random schedules, against one exact central GCRA.
 *
 * What must hold, and where it comes from. Time is what is counted: a charge of n units takes n intervals; b is the
 * burst's time, B the backlog of one exact GCRA that sees every charge at once. R is what Redis has, B' what a node
 * has.
 *
 * 1. Nothing is forgotten. Redis adds what each node consumed, so at any moment R + what is on its way >= B. (The
 * larger of two would lose what others took since the last exchange, each time.) A GCRA's backlog is a Lindley
 * recursion, B = max(0, B - dt) + charge (D. V. Lindley, The theory of queues with a single server, 1952; GCRA: ITU-T
 * I.371), that is the largest, over all s < t, of what came since s, minus t - s. Shifting arrivals by at most L shifts
 * it by at most L: with every charge at every node after at most L, B(t - L) - L <= B'(t) <= B(t) + L.
 * 2. Too strict by at most L: B'(t) <= B(t) + L, whatever is doubled, resent, reordered. L is measured: the longest
 * time that a charge has needed to Redis, and the longest that an answer needed to a node.
 * 3. Too much by at most a round each: B(t) <= b + sum over the nodes of what one has let through between a charge of
 *    its own and the answer to it. So what all admit in t is at most b + t + sum of min(b, a * L), a being what a node
 *    can let through in a time; and what was too much is repaid, since Redis has counted it.
 * 4. Redis keeps at most twice the burst, so no fault makes anybody wait for longer than that: B' <= 2b. (With the
 *    burst itself as the cap, the debt of (3) would be forgiven again and again.)
 * 5. Without a Redis, or with one that lies, each node is still a GCRA: a node lets through at most b + t.
 *
 * Faults (partition, a ring that is overrun, a writer that was killed, an emptied Redis, a failover that lost the last
 * seconds) lose amounts. What each of them loses is measured, and (1) and (3) hold but for that much, until B is 0.
 */
#ifndef POSTERN_TESTS_CLUSTER_MODEL_H
#define POSTERN_TESTS_CLUSTER_MODEL_H

#include "core/base/clock.h"
#include "core/decide/limits_parts.h"
#include "core/state/counters_table.h"
#include "core/state/outbox_ring.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_NODES 5
#define MODEL_MEMBERS 6
#define MODEL_ENTRIES 1024
#define MODEL_SLOTS 256
#define MODEL_POSITIONS 1024 /* more than a schedule posts */
#define MODEL_MESSAGES 256   /* on their way at a time */
#define MODEL_OPERATIONS 60

/* What is to be tried, and, to see that it would be found, what is wrong. */
struct model_rules {
    uint64_t (*merge)(uint64_t left, uint64_t amount, uint64_t cap, uint64_t local);
    unsigned cap_halves; /* of the burst */
    bool counts_doubles, counts_known, deaf;
    bool numbers_anew; /* after it was killed */
    bool outside;      /* the judge sees only what is let through: (3) and (5) */
    bool faults;       /* not only delays, losses and doubles of messages */
};

/* As the script does. */
static inline uint64_t model_sum(uint64_t left, uint64_t amount, uint64_t cap, uint64_t local)
{
    uint64_t sum = left + amount < cap ? left + amount : cap;

    (void)local;
    return left > sum ? left : sum;
}

/* ---- what is on its way ---- */

struct model_batch {
    size_t outbox;             /* whose positions its number is one of */
    uint64_t number, from, to; /* positions there */
    int64_t amount_ns, cut_ns;
    uint64_t local_ns, floor_ns;
    unsigned members[MODEL_MEMBERS];
    size_t n_members;
    unsigned marks;   /* set of members whose marks were renewed */
    unsigned returns; /* how many amounts were given back */
    uint64_t filled_ns, sent_ns;
};

enum model_kind { MODEL_REQUEST, MODEL_REPLY, MODEL_PUSH };

struct model_message {
    uint64_t at_ns;
    enum model_kind kind;
    size_t node;
    struct model_batch batch; /* REQUEST, and of a REPLY what it answers */
    uint64_t left_ns, epoch, said_ns;
    unsigned known; /* set of members */
};

/* ---- the parts ---- */

struct model_mark {
    uint64_t until_ns;
    size_t outbox; /* who set it first, with what */
    uint64_t number;
};

struct model_redis {
    uint64_t end_ns;
    struct model_mark marks[MODEL_MEMBERS];
    uint64_t last[MODEL_NODES]; /* by outbox */
    uint64_t epoch;
};

struct model_node {
    struct counters counters;
    struct counters_met met;
    struct outbox_ring ring;
    struct outbox writer, reader;
    uint64_t offset_ns; /* of its state time */
    /* of each position: when it was charged, and what was charged before it */
    uint64_t charged_ns[MODEL_POSITIONS];
    int64_t before_ns[MODEL_POSITIONS];
    uint64_t admitted_before_ns[MODEL_POSITIONS];
    int64_t posted_ns;
    uint64_t admitted_ns;
    /* the program that shares: what it has drained and not sent, and what it has sent */
    uint64_t drained_from, next_drain_ns, cut_off_until_ns, epoch;
    int64_t pending_ns;
    unsigned pending_members[MODEL_MEMBERS];
    size_t n_pending_members;
    unsigned pending_marks, pending_returns;
    bool wants_floor, suspicious, flying;
    struct model_batch flight;
    uint64_t retry_ns;
    /* the judge's */
    unsigned returns_waiting;
    uint64_t executed; /* position up to which Redis has all that was not lost */
    bool told_again;   /* Redis has forgotten that it had the batch under way */
    uint64_t round_ns; /* the most that was let through in one round */
    struct {
        uint64_t backlog_ns, at_ns;
    } alone; /* what it let through itself, as an exact GCRA */
};

struct model {
    struct model_rules rules;
    struct model_node nodes[MODEL_NODES];
    struct model_redis redis, snapshot;
    struct model_message messages[MODEL_MESSAGES];
    size_t n_messages, n_nodes;
    uint64_t random, now_ns;
    /* the schedule's */
    struct charge charge;
    bool distinct, quiet;
    uint64_t flush_ns, delay_ns, gap_ns, burst_ns, keep_ns;
    uint64_t members[MODEL_MEMBERS];
    /* the judge's */
    uint64_t exact_ns, high_ns, judged_ns, lost_ns, lag_up_ns, lag_down_ns, creep_ns;
    struct model_seen {
        uint64_t at_ns, until_ns; /* the last time, and until when that counts */
        uint64_t told_until_ns;   /* until when all know, by what was seen before */
    } seen[MODEL_MEMBERS];
    struct error why; /* "" while all holds */
    uint64_t events;
};

/* ---- randomness (xorshift64*: Marsaglia; Vigna) ---- */

static inline uint64_t model_random(struct model *m)
{
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return m->random * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint64_t model_below(struct model *m, uint64_t n)
{
    return n == 0 ? 0 : (model_random(m) >> 11) % n;
}

static inline bool model_chance(struct model *m, unsigned per_mille)
{
    return model_below(m, 1000) < per_mille;
}

/* ---- the judge ---- */

__attribute__((format(printf, 2, 3))) static inline void model_fail(struct model *m, const char *format, ...)
{
    va_list args;

    if (m->why.text[0] != '\0')
        return;
    va_start(args, format);
    (void)vsnprintf(m->why.text, sizeof m->why.text, format, args);
    va_end(args);
}

static inline uint64_t model_less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* What is given back may still be taken out of a Redis that has lost the charge. */
static inline bool model_returns_wait(const struct model *m)
{
    for (size_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].returns_waiting > 0)
            return true;
    return false;
}

/* Time goes on: all backlogs run off. */
static inline void model_judge_until_now(struct model *m)
{
    uint64_t passed = m->now_ns - m->judged_ns;

    m->exact_ns = model_less(m->exact_ns, passed);
    m->high_ns = model_less(m->high_ns, passed);
    m->judged_ns = m->now_ns;
    if (m->exact_ns == 0 && !model_returns_wait(m))
        m->lost_ns = 0;
}

static inline uint64_t model_redis_left(const struct model *m)
{
    return model_less(m->redis.end_ns, m->now_ns);
}

static inline uint64_t model_node_now(const struct model *m, const struct model_node *n)
{
    return m->now_ns + n->offset_ns;
}

static inline uint64_t model_node_left(const struct model *m, const struct model_node *n)
{
    return counters_marked_for(&n->counters, m->charge.key, model_node_now(m, n));
}

static inline uint64_t model_next_position(const struct model_node *n)
{
    return n->ring.header->next;
}

static inline int64_t model_between(const struct model_node *n, uint64_t from, uint64_t to)
{
    int64_t end = to == model_next_position(n) ? n->posted_ns : n->before_ns[to % MODEL_POSITIONS];

    return from == to ? 0 : end - n->before_ns[from % MODEL_POSITIONS];
}

/* What a node has let through since the first charge that it has no answer to. */
static inline uint64_t model_open_round(const struct model_node *n)
{
    uint64_t done = n->ring.header->done;

    return done == model_next_position(n) ? 0 : n->admitted_ns - n->admitted_before_ns[done % MODEL_POSITIONS];
}

/* (1) */
static inline void model_judge_redis(struct model *m)
{
    int64_t way_ns = 0;

    model_judge_until_now(m);
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct model_node *n = m->nodes + i;

        way_ns += model_between(n, n->executed, model_next_position(n));
        if (n->returns_waiting > 0)
            way_ns += (int64_t)(n->returns_waiting * (m->now_ns - n->charged_ns[n->executed % MODEL_POSITIONS]));
    }
    if (!m->rules.outside && m->exact_ns > 0 &&
        (int64_t)(model_redis_left(m) + m->lost_ns) + way_ns < (int64_t)m->exact_ns)
        model_fail(m, "forgotten: Redis has %llu, %lld are on their way, %llu were lost; there were %llu",
                   (unsigned long long)model_redis_left(m), (long long)way_ns, (unsigned long long)m->lost_ns,
                   (unsigned long long)m->exact_ns);
}

/* (2) and (4) */
static inline void model_judge_node(struct model *m, const struct model_node *n)
{
    uint64_t left = model_node_left(m, n), lag_up_ns = m->lag_up_ns;

    if (m->rules.outside)
        return;
    model_judge_until_now(m);
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct model_node *other = m->nodes + i;

        if (other->executed != model_next_position(other) &&
            m->now_ns - other->charged_ns[other->executed % MODEL_POSITIONS] > lag_up_ns)
            lag_up_ns = m->now_ns - other->charged_ns[other->executed % MODEL_POSITIONS];
    }
    if (left > 2 * m->burst_ns)
        model_fail(m, "a node has %llu, more than twice the burst", (unsigned long long)left);
    /* A member that another relay has charged is given back with the answer only. */
    if (!(m->distinct && (m->rules.faults || model_open_round(n) > 0)) &&
        left > m->high_ns + lag_up_ns + m->lag_down_ns + m->creep_ns)
        model_fail(m, "too strict: a node has %llu, and there were %llu, %llu ago", (unsigned long long)left,
                   (unsigned long long)m->high_ns, (unsigned long long)(lag_up_ns + m->lag_down_ns + m->creep_ns));
}

/* (3), after a charge. */
static inline void model_judge_admitted(struct model *m)
{
    uint64_t rounds_ns = 0;

    for (size_t i = 0; i < m->n_nodes; i++) {
        uint64_t open_ns = model_open_round(m->nodes + i);

        rounds_ns += open_ns > m->nodes[i].round_ns ? open_ns : m->nodes[i].round_ns;
    }
    if (m->exact_ns > m->burst_ns + rounds_ns + m->lost_ns)
        model_fail(m, "too much was let through: %llu with a burst of %llu, rounds of %llu, and %llu lost",
                   (unsigned long long)m->exact_ns, (unsigned long long)m->burst_ns, (unsigned long long)rounds_ns,
                   (unsigned long long)m->lost_ns);
}

/* (5) */
static inline void model_judge_alone(struct model *m, struct model_node *n, uint64_t ns)
{
    n->alone.backlog_ns = model_less(n->alone.backlog_ns, m->now_ns - n->alone.at_ns) + ns;
    n->alone.at_ns = m->now_ns;
    if (n->alone.backlog_ns > m->burst_ns)
        model_fail(m, "a node alone has let through %llu", (unsigned long long)n->alone.backlog_ns);
}

/* ---- the mail path: real counters, real outbox ---- */

static inline void model_note_positions(struct model *m, struct model_node *n, uint64_t from, int64_t ns,
                                        uint64_t admitted_ns)
{
    for (uint64_t at = from; at < model_next_position(n); at++) {
        n->charged_ns[at % MODEL_POSITIONS] = m->now_ns;
        n->before_ns[at % MODEL_POSITIONS] = n->posted_ns;
        n->admitted_before_ns[at % MODEL_POSITIONS] = n->admitted_ns;
        if (at == from) { /* all in the first slot */
            n->posted_ns += ns;
            n->admitted_ns += admitted_ns;
        }
    }
}

/* What the message really is to all: a member counts once, whoever sees it. Near the end of its mark both is right. */
static inline void model_judge_message(struct model *m, struct model_node *n, unsigned member, uint64_t ns)
{
    uint64_t doubt_ns = 2 * (m->lag_up_ns + m->lag_down_ns) + NS_PER_S;
    bool surely_new = true, surely_known = false;

    model_judge_until_now(m);
    if (m->distinct) {
        struct model_seen *seen = m->seen + member;

        if (m->now_ns - seen->at_ns > doubt_ns)
            seen->told_until_ns = seen->until_ns;
        /* A node that is cut off tells of a member when it comes back, however late. */
        surely_new = seen->until_ns == 0 || (!m->rules.faults && seen->until_ns + doubt_ns < m->now_ns);
        surely_known = seen->told_until_ns > m->now_ns + m->keep_ns / 8 + doubt_ns;
        seen->at_ns = m->now_ns;
        seen->until_ns = m->now_ns + m->keep_ns;
    }
    m->exact_ns += surely_new ? ns : 0;
    m->high_ns += surely_known ? 0 : ns;
    model_judge_alone(m, n, ns);
}

static inline void model_message_at(struct model *m, struct model_node *n)
{
    struct charge charge = m->charge;
    struct charge_answer answer;
    unsigned member = (unsigned)model_below(m, MODEL_MEMBERS);
    uint64_t from = model_next_position(n), now = model_node_now(m, n), ns, untold;
    bool killed = m->rules.faults && !m->distinct && model_chance(m, 10);

    charge.cost = m->distinct ? !counters_marked(&n->counters, m->members[member], now) : 1 + model_below(m, 2);
    if (charge.cost > charge.burst || counters_charge(&n->counters, &charge, 1, now, &answer) < 1)
        return;
    ns = charge.cost * charge.interval_ns;
    model_judge_message(m, n, member, ns);
    untold = charge.cost;
    if (killed)
        (void)__atomic_fetch_add(&n->ring.header->next, 1, __ATOMIC_ACQ_REL);
    else if (m->distinct)
        member_mark(&n->counters, &charge, m->members[member], &untold, now);
    else
        outbox_tell_charge(counters_outbox(&n->counters), OUTBOX_COUNTERS, &charge);
    model_note_positions(m, n, from, (int64_t)ns, ns);
    model_judge_admitted(m);
    model_judge_node(m, n);
}

/* The milter refuses a message that was charged a moment ago. */
static inline void model_give_back_at(struct model *m, struct model_node *n)
{
    uint64_t from = model_next_position(n), now = model_node_now(m, n), left = model_node_left(m, n);
    uint64_t ns = m->charge.interval_ns < left ? m->charge.interval_ns : left;

    if (m->distinct || ns == 0 || n->alone.backlog_ns < ns + (m->now_ns - n->alone.at_ns))
        return;
    model_judge_until_now(m);
    counters_return(&n->counters, m->charge.key, ns, now);
    outbox_tell(counters_outbox(&n->counters),
                (struct outbox_record){.kind = OUTBOX_RETURN, .key = m->charge.key, .ns = ns});
    model_note_positions(m, n, from, -(int64_t)ns, 0);
    n->returns_waiting++;
    m->exact_ns = model_less(m->exact_ns, ns);
    n->alone.backlog_ns -= ns; /* the others' counts are not lowered: high_ns stays */
}

/* ---- messages ---- */

static inline struct model_message *model_put(struct model *m, enum model_kind kind, size_t node)
{
    struct model_message *message;

    if (m->n_messages == MODEL_MESSAGES)
        return NULL; /* lost */
    message = m->messages + m->n_messages++;
    *message = (struct model_message){
        .at_ns = m->now_ns + 1 + model_below(m, m->delay_ns), .kind = kind, .node = node, .said_ns = m->now_ns};
    return message;
}

static inline bool model_is_cut_off(const struct model *m, const struct model_node *n)
{
    return !m->quiet && m->now_ns < n->cut_off_until_ns;
}

static inline void model_send(struct model *m, size_t i)
{
    struct model_node *n = m->nodes + i;
    unsigned copies = m->quiet ? 1 : model_chance(m, 10) ? 0 : model_chance(m, 30) ? 2 : 1;

    n->flight.sent_ns = m->now_ns;
    n->retry_ns = m->now_ns + 4 * m->delay_ns + 50 * NS_PER_MS;
    while (copies-- > 0 && !model_is_cut_off(m, n)) {
        struct model_message *message = model_put(m, MODEL_REQUEST, i);

        if (message != NULL)
            message->batch = n->flight;
    }
}

/* ---- the program that shares ---- */

static inline void model_take(struct model *m, struct model_node *n, const struct outbox_record *record)
{
    unsigned member = 0;

    while (member < MODEL_MEMBERS - 1 && m->members[member] != record->key && m->members[member] != record->member)
        member++;
    switch (record->kind) {
    case OUTBOX_ADD:
        n->pending_ns += (int64_t)record->ns;
        break;
    case OUTBOX_RETURN:
        n->pending_ns -= (int64_t)record->ns;
        n->pending_returns++;
        break;
    case OUTBOX_DISTINCT:
        if (n->n_pending_members < MODEL_MEMBERS)
            n->pending_members[n->n_pending_members++] = member;
        break;
    default:
        n->pending_marks |= 1u << member;
    }
}

static inline int64_t model_record_ns(const struct outbox_record *record)
{
    return record->kind == OUTBOX_ADD || record->kind == OUTBOX_DISTINCT ? (int64_t)record->ns
           : record->kind == OUTBOX_RETURN                               ? -(int64_t)record->ns
                                                                         : 0;
}

static inline void model_drain(struct model *m, struct model_node *n)
{
    struct outbox_record records[32];
    uint64_t from = n->reader.at;
    int64_t drained_ns = 0, lost_ns;
    size_t count;

    while ((count = outbox_drain(&n->reader, m->now_ns, records, 32)) > 0)
        for (size_t i = 0; i < count; i++) {
            model_take(m, n, records + i);
            drained_ns += model_record_ns(records + i);
        }
    lost_ns = model_between(n, from, n->reader.at) - drained_ns;
    if (lost_ns != 0 && !m->rules.faults)
        model_fail(m, "the outbox lost %lld", (long long)lost_ns);
    m->lost_ns += lost_ns > 0 ? (uint64_t)lost_ns : 0;
}

/* A floor holds all that was counted here. What still waits in the outbox would be added to it again. */
static inline bool model_floor_is_due(const struct model_node *n)
{
    return n->wants_floor && n->reader.at == model_next_position(n);
}

static inline bool model_has_pending(const struct model_node *n)
{
    return n->pending_ns != 0 || n->n_pending_members > 0 || n->pending_marks != 0 || model_floor_is_due(n) ||
           n->drained_from != n->reader.at;
}

/* What was drained since charge and batch is not owed any more: nobody waits for it again. */
static inline int64_t model_cut(struct model *m, const struct model_node *n)
{
    int64_t owed = (int64_t)model_node_left(m, n), over = n->pending_ns - owed;
    uint64_t waited_ns =
        n->drained_from == model_next_position(n) ? 0 : m->now_ns - n->charged_ns[n->drained_from % MODEL_POSITIONS];

    if (over <= 0)
        return n->pending_ns;
    /* Unless what was given back is not drained yet, behind a killed writer's hole. */
    if ((uint64_t)over > waited_ns + m->creep_ns && n->returns_waiting == 0)
        model_fail(m, "%lld were cut after %llu", (long long)over, (unsigned long long)waited_ns);
    m->lost_ns += (uint64_t)over;
    return owed;
}

static inline void model_fill(struct model *m, struct model_node *n)
{
    struct model_batch *b = &n->flight;

    uint64_t from = outbox_begin_round(&n->reader);

    *b = (struct model_batch){.outbox = (size_t)(n - m->nodes),
                              .number = from == n->reader.at ? 0 : from + 1,
                              .filled_ns = m->now_ns,
                              .from = n->drained_from,
                              .to = n->reader.at,
                              .amount_ns = model_cut(m, n),
                              .local_ns = model_node_left(m, n),
                              .floor_ns = model_floor_is_due(n) ? model_node_left(m, n) : 0,
                              .n_members = n->n_pending_members,
                              .marks = n->pending_marks,
                              .returns = n->pending_returns};
    memcpy(b->members, n->pending_members, sizeof b->members);
    b->cut_ns = n->pending_ns - b->amount_ns;
    n->drained_from = n->reader.at;
    n->pending_ns = 0;
    n->n_pending_members = 0;
    n->pending_marks = n->pending_returns = 0;
    n->wants_floor &= !model_floor_is_due(n);
    n->flying = true;
}

/* When the program looks again; it looks all the time, but mostly there is nothing to be found. */
static inline uint64_t model_next_look(struct model *m, const struct model_node *n)
{
    if (model_is_cut_off(m, n))
        return n->cut_off_until_ns;
    if (n->flying)
        return n->retry_ns;
    return model_has_pending(n) || n->reader.at != model_next_position(n) ? m->now_ns + 1 + model_below(m, m->flush_ns)
                                                                          : UINT64_MAX;
}

static inline void model_wake(struct model *m, struct model_node *n)
{
    uint64_t at = m->now_ns + 1 + model_below(m, m->flush_ns);

    if (!n->flying && !model_is_cut_off(m, n) && at < n->next_drain_ns)
        n->next_drain_ns = at;
}

static inline void model_share(struct model *m, size_t i)
{
    struct model_node *n = m->nodes + i;

    model_drain(m, n);
    if (n->flying) {
        if (m->now_ns >= n->retry_ns)
            model_send(m, i);
    } else if (!model_is_cut_off(m, n) && model_has_pending(n)) {
        model_fill(m, n);
        model_send(m, i);
    }
    n->next_drain_ns = model_next_look(m, n);
}

static inline uint64_t model_own_pending(const struct model *m, const struct model_node *n)
{
    return (n->pending_ns > 0 ? (uint64_t)n->pending_ns : 0) + n->n_pending_members * m->charge.interval_ns;
}

static inline uint64_t model_raise(struct model *m, struct model_node *n, uint64_t left_ns)
{
    uint64_t target = left_ns + model_own_pending(m, n);

    if (m->rules.deaf)
        return target;
    if (target > 2 * m->burst_ns)
        target = 2 * m->burst_ns;
    if (!counters_raise(&n->counters, m->charge.key, target, model_node_now(m, n)))
        model_fail(m, "no room in an empty table");
    return target;
}

static inline void model_note_down(struct model *m, uint64_t said_ns)
{
    if (m->now_ns - said_ns > m->lag_down_ns)
        m->lag_down_ns = m->now_ns - said_ns;
}

static inline void model_give_back_known(struct model *m, struct model_node *n, const struct model_message *reply)
{
    uint64_t now = model_node_now(m, n);

    for (size_t i = 0; i < reply->batch.n_members; i++)
        if ((reply->known >> i & 1) != 0) {
            counters_return(&n->counters, m->charge.key, m->charge.interval_ns, now);
            n->alone.backlog_ns = model_less(n->alone.backlog_ns, m->now_ns - n->alone.at_ns);
            n->alone.backlog_ns = model_less(n->alone.backlog_ns, m->charge.interval_ns);
            n->alone.at_ns = m->now_ns;
        }
}

/* After a reconnect, an answer that lacks what this relay has counted shows that Redis has lost it. */
static inline void model_look_for_gap(struct model *m, struct model_node *n, const struct model_message *reply,
                                      uint64_t target_ns)
{
    uint64_t round_ns = m->now_ns - reply->batch.sent_ns;

    if (reply->epoch != n->epoch ||
        (n->suspicious && target_ns + 2 * round_ns + 250 * NS_PER_MS < model_node_left(m, n)))
        n->wants_floor = true;
    n->epoch = reply->epoch;
    n->suspicious = false;
}

static inline void model_apply(struct model *m, const struct model_message *reply)
{
    struct model_node *n = m->nodes + reply->node;
    uint64_t open_ns = model_open_round(n);

    if (!n->flying || reply->batch.filled_ns != n->flight.filled_ns)
        return; /* of an earlier one */
    model_note_down(m, reply->said_ns);
    model_drain(m, n);
    model_give_back_known(m, n, reply);
    model_look_for_gap(m, n, reply, model_raise(m, n, reply->left_ns));
    n->round_ns = open_ns > n->round_ns ? open_ns : n->round_ns;
    n->flying = false;
    n->next_drain_ns = model_next_look(m, n);
    outbox_end_round(&n->reader);
    n->told_again = false;
    model_judge_node(m, n);
}

/* ---- Redis ---- */

/* What is hot is told to all at once, from a quarter of the burst on, and again with each sixteenth. */
static inline void model_push(struct model *m, size_t from, uint64_t before_ns, uint64_t after_ns)
{
    uint64_t line = m->burst_ns / 16 + 1;

    if (after_ns < m->burst_ns / 4 || before_ns / line >= after_ns / line)
        return;
    for (size_t i = 0; i < m->n_nodes; i++) {
        struct model_message *message;

        if (i == from || model_is_cut_off(m, m->nodes + i) || (!m->quiet && model_chance(m, 50)))
            continue;
        if ((message = model_put(m, MODEL_PUSH, i)) != NULL)
            message->left_ns = after_ns;
    }
}

static inline void model_set_left(struct model *m, uint64_t left_ns)
{
    m->redis.end_ns = m->now_ns + left_ns;
}

static inline uint64_t model_cap(const struct model *m)
{
    return m->burst_ns * m->rules.cap_halves / 2;
}

static inline void model_add(struct model *m, const struct model_batch *b, int64_t amount_ns)
{
    uint64_t left = model_redis_left(m), after;

    if (amount_ns <= 0) {
        model_set_left(m, model_less(left, (uint64_t)-amount_ns));
        return;
    }
    after = m->rules.merge(left, (uint64_t)amount_ns, model_cap(m), b->local_ns);
    /* Above twice the burst the rest is forgiven on purpose; below it nothing is. */
    if (left + (uint64_t)amount_ns > 2 * m->burst_ns)
        m->lost_ns += left + (uint64_t)amount_ns - (left > 2 * m->burst_ns ? left : 2 * m->burst_ns);
    model_set_left(m, after);
}

/* A member's charge counts if its mark is new everywhere. The set of those that are not. */
static inline unsigned model_add_members(struct model *m, const struct model_batch *b, bool fresh)
{
    unsigned known = 0;

    for (size_t i = 0; i < b->n_members; i++) {
        struct model_mark *mark = m->redis.marks + b->members[i];
        bool live = mark->until_ns > m->now_ns, own = live && mark->outbox == b->outbox && mark->number == b->number;

        if (live && !own)
            known |= 1u << i;
        if (!fresh)
            continue;
        if (!live || m->rules.counts_known)
            model_add(m, b, (int64_t)m->charge.interval_ns);
        if (!live) {
            mark->outbox = b->outbox;
            mark->number = b->number;
        }
        mark->until_ns = m->now_ns + m->keep_ns;
    }
    return known;
}

static inline void model_renew_marks(struct model *m, unsigned marks)
{
    for (size_t i = 0; i < MODEL_MEMBERS; i++)
        if ((marks >> i & 1) != 0)
            m->redis.marks[i].until_ns = m->now_ns + m->keep_ns;
}

/* What of the batch had come before: nothing, unless Redis has forgotten it. */
static inline void model_judge_executed(struct model *m, struct model_node *n, const struct model_batch *b)
{
    uint64_t from = b->from > n->executed ? b->from : n->executed;
    int64_t newly = from < b->to ? model_between(n, from, b->to) : 0;
    int64_t twice = b->amount_ns + b->cut_ns + (int64_t)(b->n_members * m->charge.interval_ns) - newly;

    model_judge_until_now(m);
    if (from < b->to && m->now_ns - n->charged_ns[from % MODEL_POSITIONS] > m->lag_up_ns)
        m->lag_up_ns = m->now_ns - n->charged_ns[from % MODEL_POSITIONS];
    /* What is given back takes with it what has run off on the way. */
    m->lost_ns += b->returns * m->lag_up_ns;
    if (b->from < b->to && b->from < n->executed && !n->told_again)
        model_fail(m, "counted twice: %llu records", (unsigned long long)(n->executed - b->from));
    if (twice > 0)
        m->high_ns += (uint64_t)twice;
    else
        m->lost_ns += (uint64_t)-twice; /* given back twice */
    if (b->to > n->executed)
        n->executed = b->to;
    if (n->executed == model_next_position(n))
        n->returns_waiting = 0;
}

static inline void model_execute(struct model *m, const struct model_message *request)
{
    struct model_node *n = m->nodes + request->node;
    const struct model_batch *b = &request->batch;
    uint64_t *last = m->redis.last + b->outbox, before = model_redis_left(m);
    bool fresh = b->number == 0 || *last < b->number || m->rules.counts_doubles;
    struct model_message *reply;
    unsigned known = model_add_members(m, b, fresh);

    if (fresh) {
        *last = b->number != 0 ? b->number : *last;
        if (!m->rules.counts_doubles)
            model_judge_executed(m, n, b);
        model_add(m, b, b->amount_ns);
        model_renew_marks(m, b->marks);
        if (b->floor_ns > model_redis_left(m)) {
            m->creep_ns += m->now_ns - b->filled_ns + m->lag_down_ns;
            model_set_left(m, b->floor_ns);
        }
        model_push(m, request->node, before, model_redis_left(m));
    }
    model_judge_redis(m);
    if ((!m->quiet && model_chance(m, 10)) || model_is_cut_off(m, n) ||
        (reply = model_put(m, MODEL_REPLY, request->node)) == NULL)
        return;
    reply->batch = *b;
    reply->known = known;
    reply->left_ns = model_redis_left(m);
    reply->epoch = m->redis.epoch;
}

/* ---- faults ---- */

/* kill -9 of the program that shares: it begins again with the round that was under way. */
static inline void model_restart(struct model *m, struct model_node *n)
{
    uint64_t done = n->ring.header->done;
    int64_t lost_ns;

    if (m->rules.numbers_anew)
        m->redis.last[n - m->nodes] = 0;
    outbox_resume(&n->reader, &n->ring);
    n->drained_from = n->reader.at;
    lost_ns = model_between(n, done, n->reader.at); /* the ring was overrun in the middle of a round */
    m->lost_ns += lost_ns > 0 ? (uint64_t)lost_ns : 0;
    n->pending_ns = 0;
    n->n_pending_members = 0;
    n->pending_marks = n->pending_returns = 0;
    n->flying = n->wants_floor = false;
    n->suspicious = true;
    n->next_drain_ns = m->now_ns;
}

/* Redis goes back to an earlier state, on another machine's clock; or to none, which its epoch tells. */
static inline void model_lose_redis(struct model *m, bool empty)
{
    uint64_t before = model_redis_left(m), epoch = m->redis.epoch, shift = model_below(m, NS_PER_S), after;

    m->redis = empty ? (struct model_redis){.epoch = epoch + 1} : m->snapshot;
    if (!empty)
        m->redis.end_ns += m->redis.end_ns > 2 * NS_PER_S ? shift - NS_PER_S / 2 : 0;
    after = model_redis_left(m);
    m->lost_ns += model_less(before, after);
    m->creep_ns += model_less(after, before);
    m->n_messages = 0; /* the connections end */
    for (size_t i = 0; i < m->n_nodes; i++)
        m->nodes[i].suspicious = m->nodes[i].told_again = true;
}

static inline void model_fault(struct model *m)
{
    struct model_node *n = m->nodes + model_below(m, m->n_nodes);

    switch (model_below(m, 6)) {
    case 0:
        n->cut_off_until_ns = m->now_ns + model_below(m, 2 * m->burst_ns);
        break;
    case 1:
        model_restart(m, n);
        break;
    case 2:
        model_lose_redis(m, true);
        m->snapshot = m->redis;
        break;
    case 3:
        model_lose_redis(m, false);
        break;
    default:
        m->snapshot = m->redis; /* what the replica has by now */
    }
}

/* ---- schedules ---- */

/* All nodes for all schedules: a table is as good as new when its time has passed. */
static inline struct model *model_new(void)
{
    struct model *m = calloc(1, sizeof *m);

    for (size_t i = 0; m != NULL && i < MODEL_NODES; i++) {
        struct model_node *n = m->nodes + i;
        size_t ring = OUTBOX_HEADER_BYTES + MODEL_SLOTS * sizeof(struct outbox_slot);
        void *pairs = aligned_alloc(128, MODEL_ENTRIES * sizeof(union pair));
        void *rest = aligned_alloc(128, COUNTERS_REST_PAIRS * sizeof(union pair)), *memory = aligned_alloc(4096, ring);

        if (pairs == NULL || rest == NULL || memory == NULL)
            abort();
        memset(pairs, 0, MODEL_ENTRIES * sizeof(union pair));
        memset(rest, 0, COUNTERS_REST_PAIRS * sizeof(union pair));
        memset(memory, 0, ring);
        n->counters = counters_over(pairs, MODEL_ENTRIES, rest, &n->met);
        n->ring = outbox_over(memory, MODEL_SLOTS);
        n->writer = (struct outbox){.role = OUTBOX_WRITER, .now = &n->ring};
        n->reader = (struct outbox){.role = OUTBOX_READER, .now = &n->ring};
        n->counters.outbox = &n->writer;
        n->offset_ns = (i + 1) * 1000 * NS_PER_S;
    }
    return m;
}

static inline void model_free(struct model *m)
{
    for (size_t i = 0; i < MODEL_NODES; i++) {
        free(m->nodes[i].counters.pairs);
        free(m->nodes[i].counters.shared);
        free(m->nodes[i].ring.header);
    }
    free(m);
}

static inline void model_begin_node(struct model *m, struct model_node *n)
{
    uint64_t next = model_next_position(n);

    /* What is left of the last schedule belongs to nobody. */
    n->executed = n->ring.header->done = next;
    outbox_resume(&n->reader, &n->ring);
    n->drained_from = n->reader.at;
    n->admitted_ns = n->round_ns = n->cut_off_until_ns = 0;
    n->posted_ns = n->pending_ns = 0;
    n->returns_waiting = 0;
    n->n_pending_members = 0;
    n->pending_marks = n->pending_returns = 0;
    n->flying = n->wants_floor = n->suspicious = n->told_again = false;
    n->epoch = 1;
    n->next_drain_ns = m->now_ns + 1 + model_below(m, m->flush_ns);
    n->alone.backlog_ns = 0;
    n->alone.at_ns = m->now_ns;
}

/* Three days later nothing is live any more. After a century or so all begins anew. */
static inline void model_forget(struct model *m)
{
    m->now_ns += 3 * COUNTERS_LONGEST_WINDOW_NS / 400;
    if (m->now_ns < UINT64_C(1) << 62)
        return;
    m->now_ns = COUNTERS_LONGEST_WINDOW_NS;
    for (size_t i = 0; i < MODEL_NODES; i++) {
        memset(m->nodes[i].counters.pairs, 0, MODEL_ENTRIES * sizeof(union pair));
        memset(m->nodes[i].counters.shared, 0, COUNTERS_REST_PAIRS * sizeof(union pair));
    }
}

static inline void model_begin(struct model *m, struct model_rules rules, uint64_t seed)
{
    static const uint64_t intervals_ms[] = {50, 2000, 20000, 300000}, delays_ms[] = {1, 20, 50};

    m->rules = rules;
    m->random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (int i = 0; i < 4; i++)
        (void)model_random(m);
    model_forget(m);
    m->n_nodes = 1 + model_below(m, MODEL_NODES);
    m->distinct = model_chance(m, 250);
    m->charge = (struct charge){.key = model_random(m) | 1,
                                .interval_ns = intervals_ms[model_below(m, 4)] * NS_PER_MS,
                                .burst = 2 + model_below(m, 12)};
    m->burst_ns = m->charge.burst * m->charge.interval_ns;
    m->keep_ns = m->burst_ns;
    m->flush_ns = (20 + model_below(m, 80)) * NS_PER_MS;
    m->delay_ns = delays_ms[model_below(m, 3)] * NS_PER_MS;
    m->gap_ns = model_chance(m, 500) ? m->charge.interval_ns / (1 + model_below(m, 8)) : m->flush_ns / 4;
    for (size_t i = 0; i < MODEL_MEMBERS; i++) {
        m->members[i] = model_random(m) | 1;
        m->seen[i] = (struct model_seen){.at_ns = 0};
    }
    m->redis = (struct model_redis){.epoch = 1};
    m->snapshot = m->redis;
    m->n_messages = 0;
    m->quiet = false;
    m->exact_ns = m->high_ns = m->lost_ns = m->lag_up_ns = m->lag_down_ns = m->creep_ns = 0;
    m->judged_ns = m->now_ns;
    m->why.text[0] = '\0';
    for (size_t i = 0; i < MODEL_NODES; i++)
        model_begin_node(m, m->nodes + i);
}

static inline void model_deliver(struct model *m, size_t at)
{
    struct model_message message = m->messages[at];

    m->messages[at] = m->messages[--m->n_messages];
    if (message.kind == MODEL_REQUEST) {
        model_execute(m, &message);
    } else if (message.kind == MODEL_REPLY) {
        model_apply(m, &message);
    } else {
        struct model_node *n = m->nodes + message.node;

        model_note_down(m, message.said_ns);
        model_drain(m, n);
        (void)model_raise(m, n, message.left_ns);
        model_judge_node(m, n);
    }
}

/* Goes on to the next event, not beyond until_ns. False: there is none before. */
static inline bool model_step(struct model *m, uint64_t until_ns)
{
    uint64_t next = until_ns;
    size_t message = MODEL_MESSAGES, node = MODEL_NODES;

    for (size_t i = 0; i < m->n_messages; i++)
        if (m->messages[i].at_ns <= next) {
            next = m->messages[i].at_ns;
            message = i;
        }
    for (size_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].next_drain_ns < next) {
            next = m->nodes[i].next_drain_ns;
            message = MODEL_MESSAGES;
            node = i;
        }
    m->now_ns = next > m->now_ns ? next : m->now_ns;
    if (message < MODEL_MESSAGES)
        model_deliver(m, message);
    else if (node < MODEL_NODES)
        model_share(m, node);
    else
        return false;
    m->events++;
    return true;
}

static inline void model_run_until(struct model *m, uint64_t until_ns)
{
    while (m->why.text[0] == '\0' && model_step(m, until_ns))
        continue;
}

/* After everything is healed, and each node has looked, all have the same. */
static inline void model_converge(struct model *m)
{
    uint64_t low = UINT64_MAX, high = 0;

    m->quiet = true;
    for (size_t i = 0; i < m->n_nodes; i++)
        m->nodes[i].next_drain_ns = m->nodes[i].retry_ns = m->now_ns;
    model_run_until(m, m->now_ns + 10 * NS_PER_S);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < m->n_nodes; i++) {
            m->nodes[i].wants_floor = true;
            model_wake(m, m->nodes + i);
        }
        model_run_until(m, m->now_ns + 5 * NS_PER_S);
    }
    for (size_t i = 0; i < m->n_nodes; i++) {
        uint64_t left = model_node_left(m, m->nodes + i);

        low = left < low ? left : low;
        high = left > high ? left : high;
    }
    if (!m->rules.outside && high > low + 4 * (m->delay_ns + m->flush_ns))
        model_fail(m, "after healing a node has %llu, another one %llu", (unsigned long long)high,
                   (unsigned long long)low);
}

/* One schedule. True when all held; else m->why says what did not. */
static inline bool model_run(struct model *m, struct model_rules rules, uint64_t seed)
{
    model_begin(m, rules, seed);
    for (unsigned i = 0; i < MODEL_OPERATIONS && m->why.text[0] == '\0'; i++) {
        struct model_node *n = m->nodes + model_below(m, m->n_nodes);

        model_run_until(m, m->now_ns + model_below(m, 2 * m->gap_ns) + 1);
        if (rules.faults && model_chance(m, 60))
            model_fault(m);
        if (model_chance(m, 40))
            model_give_back_at(m, n);
        else
            model_message_at(m, n);
        model_wake(m, n);
        m->events++;
    }
    if (m->why.text[0] == '\0')
        model_converge(m);
    return m->why.text[0] == '\0';
}

#endif
