#include "core/state/receipts.h"

#include "core/base/hash.h"

#define RECEIPTS_BUCKET 4u /* slots; of two cache lines each, and seldom more than one is read */

static struct receipt_slot *bucket_of(const struct receipts *t, uint64_t message)
{
    uint64_t product = (message >> 1) * UINT64_C(0x9e3779b97f4a7c15); /* as in bucket_of of the counters */

    return t->slots + (product >> 32) % (RECEIPTS_SLOTS / RECEIPTS_BUCKET) * RECEIPTS_BUCKET;
}

void receipt_add(struct receipt *receipt, const struct charge *charge)
{
    uint64_t ns;

    if (receipt->n == RECEIPT_CHARGES_MAX || __builtin_mul_overflow(charge->cost, charge->interval_ns, &ns) || ns == 0)
        return;
    receipt->charges[receipt->n].key = charge->key;
    receipt->charges[receipt->n++].ns = ns;
}

static uint64_t habit_word(const struct receipt *receipt)
{
    return (uint64_t)receipt->habit_units[0] << 32 | receipt->habit_units[1];
}

/* Detects a mixture of two receipts: two programs wrote at the same time, or one was stopped for long while writing. */
static uint64_t check_of(uint64_t message, uint64_t at, const struct receipt *receipt)
{
    uint64_t check = hash_mix(message, at);

    for (size_t i = 0; i < receipt->n; i++)
        check = hash_mix(hash_mix(check, receipt->charges[i].key), receipt->charges[i].ns);
    return receipt->habit != 0 ? hash_mix(hash_mix(check, receipt->habit), habit_word(receipt)) : check;
}

/* Word by word, since these are not swapped as pairs. Whoever sees `head` also sees what was written before it. */
static void store(union pair *at, uint64_t key, uint64_t value)
{
    __atomic_store_n(&at->key, key, __ATOMIC_RELEASE);
    __atomic_store_n(&at->value, value, __ATOMIC_RELEASE);
}

static struct receipt_slot *oldest(struct receipt_slot *bucket, union pair *seen)
{
    struct receipt_slot *first = bucket;

    *seen = pair_read(&bucket->head);
    for (unsigned i = 1; i < RECEIPTS_BUCKET; i++) {
        union pair head = pair_read(&bucket[i].head);

        if (head.value < seen->value) {
            first = bucket + i;
            *seen = head;
        }
    }
    return first;
}

void receipts_keep(struct receipts *t, uint64_t message, const struct receipt *receipt, uint64_t now_ns)
{
    uint64_t now = now_ns + t->ahead_ns;
    struct receipt_slot *slot;
    union pair seen;

    if (t->slots == NULL || (receipt->n == 0 && receipt->habit == 0))
        return;
    slot = oldest(bucket_of(t, message), &seen);
    if (!pair_swap(&slot->head, seen, pair_of(0, now)))
        return;
    for (size_t i = 0; i < RECEIPT_CHARGES_MAX; i++)
        store(slot->charges + i, i < receipt->n ? receipt->charges[i].key : 0,
              i < receipt->n ? receipt->charges[i].ns : 0);
    store(&slot->habit, receipt->habit, habit_word(receipt));
    store(&slot->check, check_of(message, now, receipt), 0);
    (void)pair_swap(&slot->head, pair_of(0, now), pair_of(message, now));
}

/* The receipt, without what has expired since. False when the slot has no complete receipt. */
static bool read_slot(const struct receipt_slot *slot, union pair head, uint64_t since_ns, struct receipt *out)
{
    union pair habit = pair_glance(&slot->habit);

    out->n = 0;
    out->habit = habit.key;
    out->habit_units[0] = (uint32_t)(habit.value >> 32);
    out->habit_units[1] = (uint32_t)habit.value;
    while (out->n < RECEIPT_CHARGES_MAX) {
        union pair charge = pair_glance(slot->charges + out->n);

        if (charge.key == 0)
            break;
        out->charges[out->n].key = charge.key;
        out->charges[out->n++].ns = charge.value;
    }
    if (pair_glance(&slot->check).key != check_of(head.key, head.value, out))
        return false;
    for (size_t i = 0; i < out->n; i++)
        out->charges[i].ns -= out->charges[i].ns < since_ns ? out->charges[i].ns : since_ns;
    return true;
}

bool receipts_take(struct receipts *t, uint64_t message, uint64_t now_ns, uint64_t keep_ns, struct receipt *out)
{
    uint64_t now = now_ns + t->ahead_ns;
    struct receipt_slot *bucket;

    *out = (struct receipt){.n = 0};
    if (t->slots == NULL)
        return false;
    bucket = bucket_of(t, message);
    for (unsigned i = 0; i < RECEIPTS_BUCKET; i++) {
        union pair head = pair_read(&bucket[i].head);

        /* One from the future was not written by postern. */
        if (head.key != message || head.value > now || now - head.value > keep_ns)
            continue;
        if (read_slot(bucket + i, head, now - head.value, out) && pair_swap(&bucket[i].head, head, pair_of(0, 0))) {
            out->at_ns = head.value - t->ahead_ns;
            return true;
        }
        *out = (struct receipt){.n = 0};
    }
    return false;
}
