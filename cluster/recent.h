/*
 * Keys that this relay charged lately, and their bursts: what it tells a Redis that has forgotten everything. A small
 * table where a newer key takes an older one's place; what is missing there is told when it is charged again.
 */
#ifndef POSTERN_CLUSTER_RECENT_H
#define POSTERN_CLUSTER_RECENT_H

#include "cluster/pending.h"

#define RECENT_KEYS 65536u

struct recent;

struct recent *recent_new(void); /* NULL without memory */
void recent_free(struct recent *r);
void recent_note(struct recent *r, uint64_t key, uint64_t burst_ns);
/* Forgets a key that was reset. */
void recent_forget(struct recent *r, uint64_t key);

/* From now on recent_repost has all of them to tell again. */
void recent_begin(struct recent *r);
/* Asks for floors of at most n keys of which something is left. False: that was the last of them. */
bool recent_repost(struct recent *r, struct pending *pending, const struct counters *counters, uint64_t now_ns,
                   size_t n);

#endif
