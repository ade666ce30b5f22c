/*
 * One batch: what this relay tells Redis at a time, and what it makes of the reply.
 *
 * Redis adds up what all relays consumed of each key. What comes back is what all have consumed; with what has not left
 * yet it is the least that this relay should have. So a key is only ever raised, to at most twice its burst: a Redis
 * that lies or forgets can make postern stricter, never laxer. What a reply lacks of what this relay has counted itself
 * was lost on the way or by Redis (a failover, an empty restart): the next batch has a floor for that key. Floors are
 * sent then only. Sent each time, they would creep up by half a round trip a batch.
 */
#ifndef POSTERN_CLUSTER_BATCH_H
#define POSTERN_CLUSTER_BATCH_H

#include "cluster/command.h"
#include "cluster/hot.h"
#include "cluster/pending.h"
#include "cluster/reply.h"
#include "core/base/cluster_key.h"

/* A script of 200 keys takes about a millisecond, in which Redis serves nobody else. */
#define BATCH_ENTRIES_MAX 120u
#define BATCH_MEMBERS_MAX 40u

/* Of all hash tags; in a Redis Cluster, where the keys of a script must be in one slot, of one tag. Numbers go up by
 * tag. */
struct batch {
    unsigned tag;    /* cluster/command.h; 0: of all */
    uint64_t number; /* 0: it may be counted twice, since it holds nothing but floors */
    size_t of_round; /* how many entries and members of the round it took, told or not */
    struct pending_entry entries[BATCH_ENTRIES_MAX];
    uint64_t floors_ns[BATCH_ENTRIES_MAX];
    size_t n;
    struct pending_member members[BATCH_MEMBERS_MAX];
    size_t n_members;
};

/* Whose batch it is: numbers are positions in an outbox (outbox_identity), and go up there, whoever reads it. */
struct batch_sender {
    const struct cluster_key *key;
    const unsigned char *outbox; /* OUTBOX_IDENTITY_BYTES */
    int64_t wall_s;
};

/* What a batch found. */
struct batch_counts {
    uint64_t keys;     /* told */
    uint64_t raised;   /* raised by replies */
    uint64_t floors;   /* asked for */
    uint64_t known;    /* members that another relay had charged, and were given back */
    uint64_t unproven; /* members said to be known, without a proof: charged all the same */
    uint64_t no_room;  /* raised in vain: the table is full there */
};

/*
 * Takes the oldest of the round, of the batch's tag, as much as there is room for: the same whenever the round is the
 * same. Where room is left, floors. An amount is cut to what is still owed here: after a long time without Redis the
 * rest has passed, and nobody should wait for it again. False: there is nothing to tell.
 */
bool batch_fill(struct batch *b, struct pending *pending, const struct counters *counters, uint64_t now_ns);

/* Before it is sent again: amounts are cut once more, since time has passed. */
void batch_cut(struct batch *b, const struct counters *counters, uint64_t now_ns);

/* The command for Redis; `whole`: with the script's text, for a Redis that doesn't know it yet. */
void batch_command(const struct batch *b, const struct batch_sender *sender, bool whole, struct command *out);

struct batch_applying {
    struct batch_sender sender;
    struct counters *counters;
    struct pending *pending; /* holds all that was counted until now, but the batch */
    uint64_t now_ns;
    uint64_t round_trip_ns;
};
/* Applies the reply. 0; -1 with e when it is not one to this batch: then nothing was changed. What became hot is added
 * to hot. */
int batch_apply(const struct batch *b, const struct reply *reply, const struct batch_applying *with,
                struct hot_list *hot, struct batch_counts *counts, struct error *e);

#endif
