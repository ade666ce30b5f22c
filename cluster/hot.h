/*
 * Hot keys: those of which more than a quarter of the burst is consumed. The others hear of them at once, and again
 * with each sixteenth: by a sealed message from the relay whose charge crossed that line, so that Redis can't make one
 * up. Everybody else's keys are not worth telling relays that may never see them.
 */
#ifndef POSTERN_CLUSTER_HOT_H
#define POSTERN_CLUSTER_HOT_H

#include "cluster/pending.h"
#include "core/base/slice.h"

#define HOT_MAX 200u
#define HOT_ENTRY_BYTES 25u

struct hot_entry {
    uint64_t key;
    enum outbox_table table;
    uint64_t left_ns, burst_ns;
};

struct hot_list {
    struct hot_entry entries[HOT_MAX];
    size_t n;
};

/* Adds a key whose backlog went from `before` to `after`, if it crossed a line. */
void hot_note(struct hot_list *list, const struct hot_entry *entry, uint64_t before_ns);

/* The list as a text, of at most HOT_MAX * HOT_ENTRY_BYTES. Its length. */
size_t hot_write(const struct hot_list *list, unsigned char *out);

/*
 * Applies another relay's list: each key to what it says and what is pending here, at most twice the burst. The number
 * of keys; -1: it is no such list, and nothing was changed.
 */
int hot_apply(struct slice text, struct counters *counters, const struct pending *pending, uint64_t now_ns);

/* Raises a key of any table to that, but not above twice its burst (0: unknown; then nothing). False: no room. */
bool hot_raise(struct counters *counters, uint64_t key, enum outbox_table table, uint64_t to_ns, uint64_t burst_ns,
               uint64_t now_ns);

#endif
