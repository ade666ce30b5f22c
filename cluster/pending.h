/*
 * What this relay has counted and the others don't know yet, by key: amounts of one key are one sum, however long Redis
 * is away. Bounded: what finds no room is counted as lost. The others then know less, and this relay's own limits hold;
 * when the key is charged again, its reply shows the gap (cluster/batch.h).
 *
 * It is told in rounds (core/state/outbox.h): a round is what came until it began, and what is taken of it is the same,
 * in the same order, whenever the same records are taken. Floors depend on what others do, and are apart.
 */
#ifndef POSTERN_CLUSTER_PENDING_H
#define POSTERN_CLUSTER_PENDING_H

#include "cluster/command.h"
#include "core/state/outbox.h"

#define PENDING_ENTRIES_MAX 65536u
#define PENDING_MEMBERS_MAX 16384u

struct pending_entry {
    uint64_t key;
    enum outbox_table table;
    bool reset;        /* forget the key before all else */
    bool floor;        /* the others shall know at least what this relay has */
    int64_t add_ns;    /* negative: more was given back than charged */
    uint64_t burst_ns; /* 0: unknown */
};

/* A distinct member, charged here. Each is told by itself, in order. */
struct pending_member {
    uint64_t key, member;
    enum outbox_table table;
    uint64_t ns, burst_ns, keep_ns;
};

struct pending;

struct pending *pending_new(void); /* NULL without memory */
void pending_free(struct pending *p);

/* Takes a record of the outbox: ADD, RETURN, DISTINCT or RESET; false for any other kind. */
bool pending_take(struct pending *p, const struct outbox_record *record);
/* Asks for a floor of the key, in whatever comes next. */
void pending_floor(struct pending *p, uint64_t key, enum outbox_table table, uint64_t burst_ns);

/* Another relay reset the key: what was counted before that is not told any more. */
void pending_forget(struct pending *p, uint64_t key);

/* What the key was charged that has not left yet; at least 0. */
uint64_t pending_own(const struct pending *p, uint64_t key);

/* What was taken until now is the round from now on. False: some of the last one is left. */
bool pending_begin_round(struct pending *p);
size_t pending_in_round(const struct pending *p); /* entries and members that are left of it */

/* What is left of the round will be told in the next one. */
void pending_carry(struct pending *p);
/* Is something left of the round that has this hash tag (cluster/command.h; 0: any)? */
bool pending_has(const struct pending *p, unsigned tag);

/* Takes out the oldest of the round with this hash tag; 0: of one tag after the other. False: there is none. */
bool pending_next(struct pending *p, unsigned tag, struct pending_entry *out);
bool pending_next_member(struct pending *p, unsigned tag, struct pending_member *out);
/* Takes out a floor of a key that is not waiting to be told otherwise. */
bool pending_next_floor(struct pending *p, unsigned tag, struct pending_entry *out);

size_t pending_count(const struct pending *p);  /* of all, the next round's too */
size_t pending_floors(const struct pending *p); /* of these, floors that are apart */
uint64_t pending_lost(const struct pending *p);

#endif
