/* links: cluster */
/* What relays tell each other, as one could that has the key and means harm: blocks, heartbeats, hot keys, habits; and
 * records that were made without it. The first byte says which. */
#include "cluster/beat.h"
#include "cluster/block_text.h"
#include "cluster/habit_text.h"
#include "cluster/hot.h"
#include "core/state/counters_table.h"
#include "core/state/habits_table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (COUNTERS_LONGEST_WINDOW_NS + 1)
#define ENTRIES 1024

static void check_block(struct slice text)
{
    struct block block;
    uint64_t origin_ms;

    if (block_text_read(text, 5000, NOW, &block, &origin_ms) != 0)
        return;
    if (block.key == 0 || block.until_ns <= NOW || block.prefix > 128 || block.class > BLOCK_OF_STRANGERS ||
        memchr(block.subject, '\0', sizeof block.subject) == NULL ||
        memchr(block.limit, '\0', sizeof block.limit) == NULL ||
        memchr(block.reason, '\0', sizeof block.reason) == NULL)
        abort();
}

static void check_beat(struct slice text)
{
    static const unsigned char incarnation[SEAL_INCARNATION_BYTES] = {1};
    static struct beats b;
    unsigned before;
    struct beat_peer *p = beats_take(&b, incarnation, text, 5, &before);
    const char *name = p != NULL ? beat_name(p->said) : "x";

    for (size_t i = 0; i < strlen(name); i++)
        if (name[i] <= ' ' || name[i] > '~')
            abort();
    if (strlen(name) == 0 || strlen(name) > 63)
        abort();
    beats_clear(&b);
}

static void check_hot(struct slice text)
{
    static union pair *memory, *rest;
    static struct counters_met met;
    static struct pending *pending;
    struct counters c;

    if (memory == NULL) {
        memory = aligned_alloc(128, ENTRIES * sizeof *memory);
        rest = aligned_alloc(128, COUNTERS_REST_PAIRS * sizeof *rest);
        pending = pending_new();
        if (memory == NULL || rest == NULL || pending == NULL)
            abort();
        memset(memory, 0, ENTRIES * sizeof *memory);
        memset(rest, 0, COUNTERS_REST_PAIRS * sizeof *rest);
    }
    c = counters_over(memory, ENTRIES, rest, &met);
    (void)hot_apply(text, &c, pending, NOW);
}

static void check_record(struct slice text)
{
    static const unsigned char bytes[CLUSTER_KEY_BYTES] = {1};
    static struct cluster_key key;
    static struct sealer *sealer;
    static struct opener *opener;
    struct slice opened;

    if (opener == NULL && (cluster_key_derive(bytes, &key, NULL) != 0 || (sealer = sealer_new(&key, NULL)) == NULL ||
                           (opener = opener_new(&key, sealer, NULL)) == NULL))
        abort();
    for (unsigned context = 0; context < SEAL_CONTEXTS; context++)
        if (seal_open(opener, (enum seal_context)context, text, &opened, NULL) == OPENED)
            abort();
}

#define LOGINS 64

static void hear_habit(const struct habit_known *known)
{
    static struct habits_met met;
    static void *memory;
    struct habits habits;
    struct habit habit;

    if (memory == NULL && (memory = aligned_alloc(128, habits_bytes(LOGINS))) == NULL)
        abort();
    memset(memory, 0, habits_bytes(LOGINS));
    habits = habits_over(memory, LOGINS, &met);
    (void)habits_hear(&habits, known, true, 1, NOW);
    (void)habits_hear(&habits, known, false, 0, NOW + 1);
    habits_add(&habits, known->pairs[0].key, (const uint32_t[]){1, 1}, NOW, NOW + 1);
    habits_look(&habits, known->pairs[0].key, NOW + 1, &habit);
    if (habit.crowded)
        abort();
}

static void check_habits(struct slice text)
{
    struct habit_heard heard;
    struct habit_kept kept;

    if (habit_text_kept(text, &kept))
        hear_habit(&kept.known);
    while (habit_text_next(&text, &heard) > 0)
        if (heard.kind == OUTBOX_HABIT_TAUGHT)
            hear_habit(&heard.known);
        else if (heard.units[0] > OUTBOX_UNITS_MOST || heard.units[1] > OUTBOX_UNITS_MOST)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct slice) = {check_block, check_beat, check_hot, check_record, check_habits};

    if (size > 0)
        checks[data[0] % 5]((struct slice){(const char *)data + 1, size - 1});
    return 0;
}
