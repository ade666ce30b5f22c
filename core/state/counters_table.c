#include "core/state/counters_table.h"

/* counters_stats walks at most this many buckets: about 2 ms. */
#define STATS_BUCKETS_MAX (UINT64_C(1) << 17)

struct counters counters_over(void *memory, uint64_t entries, void *rest, struct counters_met *met)
{
    struct counters c = {.pairs = memory, .shared = rest, .met = met};

    c.yielding = c.shared != NULL ? c.shared + COUNTERS_SHARED_ENTRIES : NULL;

    while (((uint64_t)BUCKET_PAIRS << (c.bits + 1)) <= entries)
        c.bits++;
    return c;
}

struct outbox *counters_outbox(struct counters *c)
{
    return c->outbox;
}

void counters_stats(const struct counters *c, uint64_t now_ns, struct counters_stats *out)
{
    uint64_t buckets = UINT64_C(1) << c->bits, now = now_ns + c->ahead_ns, live = 0;
    uint64_t step = buckets > STATS_BUCKETS_MAX ? buckets / STATS_BUCKETS_MAX : 1;

    for (uint64_t i = 0; i < buckets; i += step)
        for (unsigned j = 0; j < BUCKET_SLOTS; j++)
            live += pair_glance(c->pairs + i * BUCKET_PAIRS + j).value > now;
    out->entries = buckets * BUCKET_SLOTS;
    out->live = live * step;
    out->crowded = __atomic_load_n(&c->met->crowded, __ATOMIC_RELAXED);
    out->displaced = __atomic_load_n(&c->met->displaced, __ATOMIC_RELAXED);
}

/* Raises a shared entry's backlog. */
static void raise_shared(const struct counters *c, union pair *bucket, unsigned class, uint64_t now, uint64_t backlog)
{
    union pair *shared = shared_of(c, bucket, class), seen = pair_read(shared);

    gate_open(gate_of(bucket), class, now, now + backlog);
    while (backlog_of(seen.value, now) < backlog && !pair_swap(shared, seen, pair_of(SHARED_MARK, now + backlog)))
        seen = pair_read(shared);
}

/* The class of an entry is not known, so a bucket's overflow counts for all classes. */
static void raise_all_shared(const struct counters *c, union pair *bucket, uint64_t now, uint64_t backlog)
{
    for (unsigned class = 0; class < INTERVAL_CLASSES; class ++)
        raise_shared(c, bucket, class, now, backlog);
}

/* Raises an entry's backlog; creates the entry if there is none. False when there is no room for it. */
static bool raise_entry(struct counters *c, uint64_t tag, uint64_t now, uint64_t backlog)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen, *entry = live_entry(c, tag, now, &seen);

        if (entry != NULL && backlog_of(seen.value, now) >= backlog)
            return true;
        if (entry == NULL)
            entry = free_entry(c, tag, now, &seen);
        if (entry == NULL)
            break;
        if (pair_swap(entry, seen, pair_of(tag | ENTRY_NEW, now + backlog)))
            return true;
    }
    return false;
}

bool counters_raise(struct counters *c, uint64_t key, uint64_t backlog_ns, uint64_t now_ns)
{
    backlog_ns = min_u64(backlog_ns, COUNTERS_LONGEST_WINDOW_NS);
    return backlog_ns == 0 || raise_entry(c, tag_of(key), now_ns + c->ahead_ns, backlog_ns);
}

/*
 * The count of a bucket's keys of one class in their shared entry. A version 1 file had one for all classes, in the
 * gate's place.
 */
static uint64_t shared_backlog(const struct counters *from, union pair *bucket, unsigned class, uint64_t now)
{
    if (from->shared == NULL)
        return backlog_of(pair_read(gate_of(bucket)).value, now);
    return gate_is_open(gate_of(bucket), class, now) ? backlog_of(pair_read(shared_of(from, bucket, class)).value, now)
                                                     : 0;
}

/* A shared entry's keys may belong to any bucket with the same first bits. */
static void take_over_shared(struct counters *to, const struct counters *from, uint64_t i, uint64_t now_ns)
{
    uint64_t first = to->bits >= from->bits ? i << (to->bits - from->bits) : i >> (from->bits - to->bits);
    uint64_t n = to->bits >= from->bits ? UINT64_C(1) << (to->bits - from->bits) : 1;

    for (unsigned class = 0; class < INTERVAL_CLASSES; class ++) {
        uint64_t backlog = shared_backlog(from, from->pairs + i * BUCKET_PAIRS, class, now_ns + from->ahead_ns);

        for (uint64_t j = first; backlog > 0 && j < first + n; j++)
            raise_shared(to, to->pairs + j * BUCKET_PAIRS, class, now_ns + to->ahead_ns, backlog);
    }
}

/* Marks in the spare table are found through the gate of their bucket, which may be another one here. */
static void open_gates_of_marks(struct counters *to, const struct counters *from, uint64_t now_ns)
{
    uint64_t now = now_ns + to->ahead_ns;

    for (size_t i = 0; i < YIELDING_ENTRIES; i++) {
        union pair seen = pair_read(from->yielding + YIELDING_MARKS * YIELDING_ENTRIES + i);
        uint64_t left = backlog_of(seen.value, now_ns + from->ahead_ns);

        if (seen.key != 0 && left > 0)
            gate_open(gate_of(bucket_of(to, seen.key)), GATE_OF_MARKS, now, now + left);
    }
}

void counters_take_over(struct counters *to, const struct counters *from, uint64_t now_ns)
{
    uint64_t from_now = now_ns + from->ahead_ns, to_now = now_ns + to->ahead_ns;

    for (uint64_t i = 0; i < (UINT64_C(1) << from->bits); i++) {
        union pair *bucket = from->pairs + i * BUCKET_PAIRS;

        for (unsigned j = 0; j < BUCKET_SLOTS; j++) {
            union pair seen = pair_read(bucket + j);
            uint64_t backlog = backlog_of(seen.value, from_now);

            if (backlog > 0 && seen.key != 0 && !raise_entry(to, tag_of(seen.key), to_now, backlog))
                raise_all_shared(to, bucket_of(to, tag_of(seen.key)), to_now, backlog);
        }
        if (pair_glance(gate_of(bucket)).value > from_now)
            take_over_shared(to, from, i, now_ns);
    }
    if (from->yielding == NULL)
        return;
    open_gates_of_marks(to, from, now_ns);
    yielding_take_over(to, from, now_ns);
}
