/*
 * What mailboxes did since the last round, added up in memory: an entry of about 100 bytes for each mailbox and
 * client, outcome, mechanism and TLS version. Bounded: beyond its capacity nothing new is taken. Memory is touched only
 * as far as it is used. One thread at a time.
 */
#ifndef POSTERN_JOURNAL_TALLY_H
#define POSTERN_JOURNAL_TALLY_H

#include "core/journal_pack.h"

struct tally;

/* NULL without memory. capacity in entries. */
struct tally *tally_new(uint32_t capacity);
void tally_free(struct tally *t); /* NULL is fine */

/* Adds what the record counts for; a record without a login, or that does not count, is fine and adds nothing. False
 * when there is no room for it, or none is left but for `reserve` other entries. */
bool tally_add(struct tally *t, const struct journal_record *record, uint32_t reserve);
uint32_t tally_count(const struct tally *t);
/* Sorts by mailbox, for tally_next: a tree is faster written in its order. Nothing may be added until tally_clear. */
void tally_sort(struct tally *t);
/* The mailbox whose entries begin at *i (0 at first): its key in the journal, and what it did. False at the end. */
bool tally_next(const struct tally *t, uint32_t *i, struct slice *key, struct usage *usage);
void tally_clear(struct tally *t);

/* Adds more to *into: counts are summed, times are the first and the last, the newest clients stay. */
void usage_merge(struct usage *into, const struct usage *more);

#endif
