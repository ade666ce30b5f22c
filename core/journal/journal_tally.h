/*
 * What mailboxes did, added up in memory: an entry of about 110 bytes for each mailbox and client, outcome, mechanism
 * and TLS version. Bounded: beyond its capacity nothing new is taken. Memory is touched only as far as it is used. One
 * thread at a time.
 */
#ifndef POSTERN_JOURNAL_TALLY_H
#define POSTERN_JOURNAL_TALLY_H

#include "core/journal/journal.h"

struct tally;

/* NULL without memory. capacity in entries. */
struct tally *tally_new(uint32_t capacity);
void tally_free(struct tally *t); /* NULL is fine */
void tally_clear(struct tally *t);
uint32_t tally_count(const struct tally *t);
/* How many entries more there is room for. */
uint32_t tally_room(const struct tally *t);

/* Adds what the event counts for; one without a login, or that does not count, is fine and adds nothing. False when
 * there is no room for it. */
bool tally_add(struct tally *t, const struct journal_event *event);
/* Adds all of another one. For each of its entries there is room. */
void tally_merge(struct tally *into, const struct tally *from);

/* Sorts by mailbox: a tree is faster written in its order. Nothing may be added until tally_clear. */
void tally_sort(struct tally *t);
/* In a sorted tally: whose entries begin at i, below tally_count. The slices lie in the tally. */
void tally_whose(const struct tally *t, uint32_t i, struct slice *tenant, struct slice *mailbox);
/* Adds what that mailbox did to *usage: counts are summed, times are the first and the last, the newest clients stay.
 * The index of the next mailbox. */
uint32_t tally_add_to(const struct tally *t, uint32_t i, struct usage *usage);

/*
 * The name of a mailbox in the usage: tenant, NUL, mailbox in lower case. The size; 0 when that cannot be one. out has
 * USAGE_NAME_MAX bytes.
 */
#define USAGE_NAME_MAX (sizeof((struct journal_record *)0)->tenant + sizeof((struct journal_record *)0)->mailbox)
size_t usage_name(struct slice tenant, struct slice mailbox, char *out);

#endif
