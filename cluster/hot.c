#include "cluster/hot.h"

#include "cluster/bytes.h"

#define HOT_FROM 4  /* a quarter of the burst */
#define HOT_STEP 16 /* a sixteenth */
#define NS_PER_US 1000

static uint64_t level_of(uint64_t backlog_ns, uint64_t burst_ns)
{
    return backlog_ns < burst_ns / HOT_FROM || burst_ns < HOT_STEP ? 0 : backlog_ns / (burst_ns / HOT_STEP);
}

void hot_note(struct hot_list *list, const struct hot_entry *entry, uint64_t before_ns)
{
    if (list->n < HOT_MAX && level_of(entry->left_ns, entry->burst_ns) > level_of(before_ns, entry->burst_ns))
        list->entries[list->n++] = *entry;
}

size_t hot_write(const struct hot_list *list, unsigned char *out)
{
    for (size_t i = 0; i < list->n; i++, out += HOT_ENTRY_BYTES) {
        const struct hot_entry *entry = list->entries + i;

        out[0] = (unsigned char)entry->table;
        bytes_put64(out + 1, entry->key);
        bytes_put64(out + 9, entry->left_ns / NS_PER_US);
        bytes_put64(out + 17, entry->burst_ns / NS_PER_US);
    }
    return list->n * HOT_ENTRY_BYTES;
}

static uint64_t ns_of(uint64_t us)
{
    return us < COUNTERS_LONGEST_WINDOW_NS / NS_PER_US ? us * NS_PER_US : COUNTERS_LONGEST_WINDOW_NS;
}

bool hot_raise(struct counters *counters, uint64_t key, enum outbox_table table, uint64_t to_ns, uint64_t burst_ns,
               uint64_t now_ns)
{
    uint64_t most = burst_ns < COUNTERS_LONGEST_WINDOW_NS / 2 ? 2 * burst_ns : COUNTERS_LONGEST_WINDOW_NS;

    if (to_ns > most)
        to_ns = most;
    switch (table) {
    case OUTBOX_COUNTERS:
        return counters_raise(counters, key, to_ns, now_ns);
    case OUTBOX_STRANGERS_REFUSALS:
        strangers_raise(counters, STRANGERS_REFUSALS, key, to_ns, now_ns);
        return true;
    case OUTBOX_STRANGERS_BLOCKS:
        strangers_raise(counters, STRANGERS_BLOCKS, key, to_ns, now_ns);
        return true;
    }
    return true; /* of a newer version */
}

int hot_apply(struct slice text, struct counters *counters, const struct pending *pending, uint64_t now_ns)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t n = text.n / HOT_ENTRY_BYTES;

    if (text.n % HOT_ENTRY_BYTES != 0 || n == 0 || n > HOT_MAX)
        return -1;
    for (size_t i = 0; i < n; i++, p += HOT_ENTRY_BYTES) {
        uint64_t key = bytes_get64(p + 1);

        if (key != 0 && p[0] <= OUTBOX_STRANGERS_BLOCKS)
            (void)hot_raise(counters, key, (enum outbox_table)p[0],
                            ns_of(bytes_get64(p + 9)) + pending_own(pending, key), ns_of(bytes_get64(p + 17)), now_ns);
    }
    return (int)n;
}
