/* Posting to the outbox, and draining it. */
#include "core/state/outbox_ring.h"

#include <string.h>
#include <sys/random.h>

#define SEQUENCE_BITS 48
#define SEQUENCE_MASK ((UINT64_C(1) << SEQUENCE_BITS) - 1)
#define BURST_BITS 48
#define BURST_MASK ((UINT64_C(1) << BURST_BITS) - 1)
#define NS_PER_US 1000

/* The second slot of a distinct member; never seen outside. */
#define KIND_MEMBER 0xffu

struct outbox_ring outbox_over(void *memory, uint64_t slots)
{
    return (struct outbox_ring){.header = memory,
                                .slots = (struct outbox_slot *)(void *)((unsigned char *)memory + OUTBOX_HEADER_BYTES),
                                .mask = slots - 1,
                                .fd = -1,
                                .guard = -1};
}

static struct outbox_ring *current(const struct outbox *o)
{
    return __atomic_load_n(&o->now, __ATOMIC_ACQUIRE);
}

static uint64_t cut(uint64_t ns)
{
    return ns < COUNTERS_LONGEST_WINDOW_NS ? ns : COUNTERS_LONGEST_WINDOW_NS;
}

static uint64_t product(uint64_t a, uint64_t b)
{
    uint64_t ns;

    return __builtin_mul_overflow(a, b, &ns) ? COUNTERS_LONGEST_WINDOW_NS : cut(ns);
}

struct outbox_record outbox_charge(enum outbox_table table, const struct charge *charge)
{
    return (struct outbox_record){.kind = OUTBOX_ADD,
                                  .table = table,
                                  .key = charge->key,
                                  .ns = product(charge->cost, charge->interval_ns),
                                  .burst_ns = product(charge->burst, charge->interval_ns)};
}

/* ---- slots ---- */

static uint64_t stamp_of(uint64_t sequence, unsigned kind, unsigned table)
{
    return ((sequence + 1) & SEQUENCE_MASK) | (uint64_t)kind << SEQUENCE_BITS | (uint64_t)table << 56;
}

/* Finds a mixture of two records; that is seldom enough for 16 bits. */
static uint64_t check_of(uint64_t stamp, uint64_t key, uint64_t ns, uint64_t burst)
{
    uint64_t x = (stamp ^ key) * UINT64_C(0xff51afd7ed558ccd) + (ns ^ burst) * UINT64_C(0xc4ceb9fe1a85ec53);

    return ((x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15)) >> 48 << BURST_BITS;
}

/*
 * The stores of a slot become visible in this order (TSan doesn't support fences), so that a reader that has seen a new
 * word doesn't find the old stamp again.
 */
static void write_slot(const struct outbox_ring *ring, uint64_t sequence, struct outbox_slot words)
{
    struct outbox_slot *slot = ring->slots + (sequence & ring->mask);
    uint64_t burst = words.burst & BURST_MASK;

    __atomic_store_n(&slot->stamp, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->key, words.key, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->ns, words.ns, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->burst, burst | check_of(words.stamp, words.key, words.ns, burst), __ATOMIC_RELEASE);
    __atomic_store_n(&slot->stamp, words.stamp, __ATOMIC_RELEASE);
}

enum slot_found {
    SLOT_READY,
    SLOT_UNFINISHED,
    SLOT_LOST, /* overwritten by a later one */
    SLOT_BAD   /* nothing that postern wrote, or not this version */
};

static enum slot_found read_slot(const struct outbox_ring *ring, uint64_t sequence, struct outbox_slot *out)
{
    const struct outbox_slot *slot = ring->slots + (sequence & ring->mask);

    out->stamp = __atomic_load_n(&slot->stamp, __ATOMIC_ACQUIRE);
    if ((out->stamp & SEQUENCE_MASK) == ((sequence + 1) & SEQUENCE_MASK)) {
        uint64_t burst;

        out->key = __atomic_load_n(&slot->key, __ATOMIC_ACQUIRE);
        out->ns = __atomic_load_n(&slot->ns, __ATOMIC_ACQUIRE);
        burst = __atomic_load_n(&slot->burst, __ATOMIC_ACQUIRE);
        out->burst = burst & BURST_MASK;
        if (__atomic_load_n(&slot->stamp, __ATOMIC_ACQUIRE) == out->stamp)
            return burst >> BURST_BITS << BURST_BITS == check_of(out->stamp, out->key, out->ns, out->burst) ? SLOT_READY
                                                                                                            : SLOT_BAD;
    }
    return __atomic_load_n(&ring->header->next, __ATOMIC_ACQUIRE) - sequence > ring->mask + 1 ? SLOT_LOST
                                                                                              : SLOT_UNFINISHED;
}

/* ---- posting ---- */

/* Where the units lie in a slot's word for an amount. */
#define UNITS_BITS 20

_Static_assert(OUTBOX_UNITS_MOST == (1u << UNITS_BITS) - 1, "units fit their bits");

static uint64_t units_word(const uint32_t units[2])
{
    uint64_t a = units[0] < OUTBOX_UNITS_MOST ? units[0] : OUTBOX_UNITS_MOST,
             b = units[1] < OUTBOX_UNITS_MOST ? units[1] : OUTBOX_UNITS_MOST;

    return a << UNITS_BITS | b;
}

/* Writes a record from that sequence on; the one after it. */
static uint64_t write_record(const struct outbox_ring *ring, uint64_t sequence, const struct outbox_record *r)
{
    if (outbox_is_of_habit(r->kind)) {
        write_slot(ring, sequence,
                   (struct outbox_slot){.stamp = stamp_of(sequence, r->kind, OUTBOX_COUNTERS),
                                        .key = r->key,
                                        .ns = units_word(r->units),
                                        .burst = r->at_s});
        return sequence + 1;
    }
    write_slot(ring, sequence,
               (struct outbox_slot){.stamp = stamp_of(sequence, r->kind, r->table),
                                    .key = r->key,
                                    .ns = cut(r->ns),
                                    .burst = cut(r->burst_ns) / NS_PER_US});
    if (r->kind != OUTBOX_DISTINCT)
        return sequence + 1;
    write_slot(ring, sequence + 1,
               (struct outbox_slot){
                   .stamp = stamp_of(sequence + 1, KIND_MEMBER, r->table), .key = r->member, .ns = cut(r->keep_ns)});
    return sequence + 2;
}

void outbox_post(struct outbox *o, const struct outbox_record *records, size_t n)
{
    const struct outbox_ring *ring = current(o);
    uint64_t slots = n, sequence;

    if (ring == NULL) {
        (void)__atomic_fetch_add(&o->unposted, n, __ATOMIC_RELAXED);
        return;
    }
    for (size_t i = 0; i < n; i++)
        slots += records[i].kind == OUTBOX_DISTINCT;
    sequence = __atomic_fetch_add(&ring->header->next, slots, __ATOMIC_ACQ_REL);
    for (size_t i = 0; i < n; i++)
        sequence = write_record(ring, sequence, records + i);
}

/* ---- draining ---- */

static bool is_sound(const struct outbox_slot *slot)
{
    return slot->key != 0 && slot->ns <= COUNTERS_LONGEST_WINDOW_NS;
}

static unsigned kind_of(const struct outbox_slot *slot)
{
    return (slot->stamp >> SEQUENCE_BITS) & 0xff;
}

/* The record that begins at the sequence; *slots is how many it takes. */
static enum slot_found read_record(const struct outbox_ring *ring, uint64_t sequence, struct outbox_record *out,
                                   uint64_t *slots)
{
    struct outbox_slot first, second = {.key = 0};
    enum slot_found found = read_slot(ring, sequence, &first);
    unsigned kind = kind_of(&first), table = (unsigned)(first.stamp >> 56);

    *slots = 1;
    if (found != SLOT_READY)
        return found;
    if (kind == KIND_MEMBER) /* its first slot was lost */
        return SLOT_LOST;
    if (!is_sound(&first) || kind < OUTBOX_ADD || kind > OUTBOX_HABIT_TAUGHT || table > OUTBOX_STRANGERS_BLOCKS)
        return SLOT_BAD;
    if (kind == OUTBOX_DISTINCT) {
        found = read_slot(ring, sequence + 1, &second);
        if (found != SLOT_READY)
            return found;
        if (kind_of(&second) != KIND_MEMBER || !is_sound(&second))
            return SLOT_BAD;
        *slots = 2;
    }
    if (outbox_is_of_habit((enum outbox_kind)kind)) {
        const uint32_t units[2] = {(uint32_t)(first.ns >> UNITS_BITS) & OUTBOX_UNITS_MOST,
                                   (uint32_t)first.ns & OUTBOX_UNITS_MOST};

        *out = (struct outbox_record){
            .kind = (enum outbox_kind)kind, .key = first.key, .units = {units[0], units[1]}, .at_s = first.burst};
        return SLOT_READY;
    }
    *out = (struct outbox_record){.kind = (enum outbox_kind)kind,
                                  .table = (enum outbox_table)table,
                                  .key = first.key,
                                  .ns = first.ns,
                                  .burst_ns = first.burst * NS_PER_US,
                                  .member = second.key,
                                  .keep_ns = second.ns};
    return SLOT_READY;
}

static void skip(struct outbox *o, uint64_t *counter, uint64_t slots)
{
    (void)__atomic_fetch_add(counter, slots, __ATOMIC_RELAXED);
    o->at += slots;
    o->waits = false;
}

/* Has the reader waited long enough for the slot that it is at? */
static bool is_hole(struct outbox *o, uint64_t boot_ns)
{
    if (o->waits)
        return boot_ns - o->since_ns >= OUTBOX_HOLE_NS;
    o->waits = true;
    o->since_ns = boot_ns;
    return false;
}

size_t outbox_drain(struct outbox *o, uint64_t boot_ns, struct outbox_record *records, size_t n)
{
    const struct outbox_ring *ring = current(o);
    size_t drained = 0;

    while (ring != NULL && drained < n) {
        uint64_t ahead = __atomic_load_n(&ring->header->next, __ATOMIC_ACQUIRE) - o->at, slots;

        if (ahead > SEQUENCE_MASK / 2) { /* somebody has set the header back */
            o->at += ahead;
            ahead = 0;
        }
        if (ahead == 0 || outbox_at_round(o))
            break;
        if (ahead > ring->mask + 1) {
            skip(o, &ring->header->lost, ahead - (ring->mask + 1));
            continue;
        }
        switch (read_record(ring, o->at, records + drained, &slots)) {
        case SLOT_READY:
            o->at += slots;
            o->waits = false;
            drained++;
            break;
        case SLOT_LOST:
            skip(o, &ring->header->lost, 1);
            break;
        case SLOT_BAD:
            skip(o, &ring->header->holes, 1);
            break;
        default:
            if (!is_hole(o, boot_ns))
                return drained;
            skip(o, &ring->header->holes, 1);
        }
    }
    return drained;
}

uint64_t outbox_position(const struct outbox *o)
{
    return o->at;
}

/* ---- rounds ---- */

static uint64_t done_of(const struct outbox_ring *ring)
{
    return __atomic_load_n(&ring->header->done, __ATOMIC_ACQUIRE);
}

void outbox_resume(struct outbox *o, const struct outbox_ring *ring)
{
    uint64_t next = __atomic_load_n(&ring->header->next, __ATOMIC_ACQUIRE), done = done_of(ring),
             end = __atomic_load_n(&ring->header->round_end, __ATOMIC_ACQUIRE);

    o->waits = false;
    o->at = done < next ? done : next;
    o->stop = end > o->at && end <= next ? end : 0;
    if (o->stop == 0 || next - o->at <= ring->mask + 1)
        return;
    /* What is left of it would be another round than the one that was told in part. */
    (void)__atomic_fetch_add(&ring->header->lost, o->stop - o->at, __ATOMIC_RELAXED);
    o->at = o->stop;
    o->stop = 0;
    __atomic_store_n(&ring->header->done, o->at, __ATOMIC_RELEASE);
}

uint64_t outbox_begin_round(struct outbox *o)
{
    const struct outbox_ring *ring = current(o);

    o->stop = 0;
    if (ring == NULL)
        return o->at;
    __atomic_store_n(&ring->header->round_end, o->at, __ATOMIC_RELEASE);
    return done_of(ring);
}

bool outbox_at_round(const struct outbox *o)
{
    return o->stop != 0 && o->at >= o->stop;
}

void outbox_end_round(struct outbox *o)
{
    const struct outbox_ring *ring = current(o);
    uint64_t end;

    if (ring == NULL)
        return;
    end = __atomic_load_n(&ring->header->round_end, __ATOMIC_ACQUIRE);
    if (end > done_of(ring) && end <= o->at)
        __atomic_store_n(&ring->header->done, end, __ATOMIC_RELEASE);
}

bool outbox_identity(struct outbox *o, uint64_t boot_id, unsigned char out[OUTBOX_IDENTITY_BYTES])
{
    const struct outbox_ring *ring = current(o);
    struct outbox_header *header;

    if (ring == NULL)
        return false;
    header = ring->header;
    if ((header->identity[0] | header->identity[1]) == 0 || header->identity_boot != boot_id) {
        uint64_t made[2] = {0, 0};

        if (getrandom(made, sizeof made, 0) != (ssize_t)sizeof made)
            return false;
        header->identity_boot = boot_id;
        memcpy(header->identity, made, sizeof made);
    }
    memcpy(out, header->identity, OUTBOX_IDENTITY_BYTES);
    return true;
}

void outbox_stats(const struct outbox *o, struct outbox_stats *out)
{
    const struct outbox_ring *ring = current(o);

    *out = (struct outbox_stats){.unposted = __atomic_load_n(&o->unposted, __ATOMIC_RELAXED)};
    if (ring == NULL)
        return;
    out->waiting = __atomic_load_n(&ring->header->next, __ATOMIC_ACQUIRE) -
                   (o->role == OUTBOX_READER ? o->at : __atomic_load_n(&ring->header->done, __ATOMIC_ACQUIRE));
    out->lost = __atomic_load_n(&ring->header->lost, __ATOMIC_RELAXED);
    out->holes = __atomic_load_n(&ring->header->holes, __ATOMIC_RELAXED);
}
