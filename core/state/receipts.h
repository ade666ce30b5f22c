/*
 * Receipts: what each message was charged, so that whoever refuses it afterwards can give that back. The policy server
 * charges at the end of a message; the milter, which the MTA asks after it, may still refuse.
 *
 * A small table of fixed size in the state file, shared by all programs. The oldest is evicted. A receipt that is half
 * written or too old, and charges beyond its room, are not given back: when in doubt the message stays charged. No
 * lock; a process that is killed leaves a receipt or none.
 */
#ifndef POSTERN_RECEIPTS_H
#define POSTERN_RECEIPTS_H

#include "core/base/pair.h"
#include "core/state/counters.h"

/* Further charges of a message are not given back. */
#define RECEIPT_CHARGES_MAX 13

struct receipt {
    size_t n;
    struct {
        uint64_t key; /* the counter's */
        uint64_t ns;  /* what was charged, in time */
    } charges[RECEIPT_CHARGES_MAX];
    uint64_t habit;          /* the key of the habit that the message was counted in; 0: none */
    uint32_t habit_units[2]; /* messages, recipients */
    uint64_t at_ns;          /* when it was charged, for receipts_take: the caller's time */
};

/* In the mapped file; zeroed memory is an empty table. */
struct receipt_slot {
    union pair head; /* {message, when it was charged}; {0, when}: being written */
    union pair charges[RECEIPT_CHARGES_MAX];
    union pair habit; /* {key, messages << 32 | recipients} */
    union pair check; /* {checksum of all the rest, 0} */
};

/* Messages that are between the two programs at the same time, with room to spare. */
#define RECEIPTS_SLOTS 4096u
#define RECEIPTS_BYTES ((uint64_t)RECEIPTS_SLOTS * sizeof(struct receipt_slot))

struct receipts {
    struct receipt_slot *slots; /* RECEIPTS_SLOTS of them; NULL: nothing is kept */
    uint64_t ahead_ns;          /* as in struct counters */
};

/* Adds a charge that went to a key's own entry (not crowded). */
void receipt_add(struct receipt *receipt, const struct charge *charge);

/* Keeps the receipt of a message (its key, not 0). An empty one needs no room. */
void receipts_keep(struct receipts *t, uint64_t message, const struct receipt *receipt, uint64_t now_ns);

/*
 * Takes a message's receipt out, once: true, with what is left of each charge now (what has run off since is not), or
 * false when there is none of the last keep_ns.
 */
bool receipts_take(struct receipts *t, uint64_t message, uint64_t now_ns, uint64_t keep_ns, struct receipt *out);

#endif
