/*
 * What this relay counted of habits and the others don't know yet, in order. What was counted of one habit within a
 * minute is one amount. Told in rounds, as cluster/pending.h; bounded: what finds no room is counted as lost.
 */
#ifndef POSTERN_CLUSTER_HABIT_LIST_H
#define POSTERN_CLUSTER_HABIT_LIST_H

#include "core/state/outbox.h"

#define HABIT_LIST_MAX 65536u

struct habit_word {
    enum outbox_kind kind; /* OUTBOX_HABIT ... */
    uint64_t key, at_s;
    uint32_t units[2];
};

struct habit_list;

struct habit_list *habit_list_new(void); /* NULL without memory */
void habit_list_free(struct habit_list *l);

/* Takes a record that is of a habit. */
void habit_list_take(struct habit_list *l, const struct outbox_record *record);
/* What was taken until now is the round from now on. False: some of the last one is left. */
bool habit_list_begin_round(struct habit_list *l);
/* Takes out the oldest of the round. False: there is none. */
bool habit_list_next(struct habit_list *l, struct habit_word *out);

/* Is something of it still in there? */
bool habit_list_has(const struct habit_list *l, uint64_t key);

size_t habit_list_in_round(const struct habit_list *l);
size_t habit_list_count(const struct habit_list *l); /* the next round's too */
uint64_t habit_list_lost(const struct habit_list *l);

#endif
