/*
 * What the other relays of a cluster have told of their usage: usage.sqlite in cluster.folder. postern-cluster writes
 * it, in one thread; who reads the journal adds it to this relay's own (journal_add_others).
 *
 * Each relay, by its name, has one row for each mailbox, which a newer one replaces: nothing is counted twice. Rows are
 * kept as the journal's own usage is: for USAGE_DAYS after the mailbox was seen last there, whether or not that relay
 * still exists; and beyond OTHERS_ROWS_MAX those that were seen longest ago give way.
 *
 * A relay numbers what it tells. Each start of it is a series, whose number is higher than those before; within one the
 * numbers have no gaps, and the first says behind which number of an earlier series it comes. So a reader knows what it
 * has missed, and what it has read before.
 */
#ifndef POSTERN_OTHERS_H
#define POSTERN_OTHERS_H

#include "core/journal/journal.h"
#include "core/journal/usage_gaps.h"

#define OTHERS_NAME "usage.sqlite"
#define OTHERS_RELAYS_MAX 256u
#define OTHERS_ROWS_MAX (10 * USAGE_MAILBOXES_MAX)
#define RELAY_NAME_MAX 64u /* with its terminator */

struct others;

/* Opens it, as the writer (which makes what is missing, and sets a damaged one aside, with a text in *notice) or for
 * reading. 0; -1 with e. */
int others_open(const char *folder, bool writer, struct others **out, struct error *notice, struct error *e);
void others_close(struct others *o);       /* NULL is fine */
bool others_stale(const struct others *o); /* it was replaced behind us, and must be opened anew */

/* ---- writing. 0; -1 with e: then nothing of the transaction was written, and none is open ---- */

int others_begin(struct others *o, struct error *e);
int others_commit(struct others *o, struct error *e);
void others_rollback(struct others *o);

/* A place in what a relay tells. */
struct told_place {
    uint64_t series, number;
};

static inline bool told_before(struct told_place a, struct told_place b)
{
    return a.series != b.series ? a.series < b.series : a.number < b.number;
}

struct others_relay {
    int64_t id; /* 0: it is new */
    char name[RELAY_NAME_MAX];
    struct told_place last; /* what was read of it last; 0: nothing yet */
    struct told_place from; /* from there on without a gap */
    bool complete;          /* all of its usage was told since */
    int64_t as_of_s;        /* what changed there until then was told: its wall clock; 0: nothing was told */
    int64_t since_s;        /* its usage is known since then; 0: that is not known */
    int64_t heard_s;        /* wall clock: the last sign of life */
};

/* The relay of that name; with id 0 when there is none. */
int others_relay(struct others *o, struct slice name, struct others_relay *out, struct error *e);
/* Writes it; a new one gets its id. */
int others_keep_relay(struct others *o, struct others_relay *relay, struct error *e);
/* All that are known. */
int others_relays(struct others *o, struct others_relay list[OTHERS_RELAYS_MAX], size_t *n, struct error *e);

/* A row as usage_row_pack made it, in place of that relay's older one. */
int others_put_row(struct others *o, const struct others_relay *relay, struct slice row, struct error *e);

/* How far this relay has read and told. */
struct others_own {
    char epoch[65];                /* of Redis' data */
    unsigned long long read_to[2]; /* in the stream, read up to here */
    int64_t shared_s;              /* wall clock: this relay was connected to the others */
    struct told_place told;        /* what this relay told last */
    int64_t changed_s;             /* all that changed until then was told; wall clock */
    int64_t full_s;                /* wall clock: telling everything was begun; 0: never */
    bool full;                     /* it is under way ... */
    struct told_place full_from;   /* ... since that place ... */
    char tenant[64], mailbox[128]; /* ... and up to this mailbox */
};
int others_load_own(struct others *o, struct others_own *own, struct error *e);
int others_save_own(struct others *o, const struct others_own *own, struct error *e);

/* Forgets a part of what is too old, or too much: called every minute it has looked at everything after a while. */
int others_forget(struct others *o, int64_t now_s, struct error *e);

/* ---- reading ---- */

struct named_usage {
    size_t tenant_n, mailbox_n;
    char tenant[sizeof((struct journal_record *)0)->tenant], mailbox[sizeof((struct journal_record *)0)->mailbox];
    struct usage usage;
};

/* Adds what the relays told of that mailbox to *usage. 1; 0 when they told nothing of it; -1 with e. */
int others_usage_of(struct others *o, struct slice tenant, struct slice mailbox, struct usage *usage, struct error *e);

/* The mailboxes behind that one (NULL: from the first), in order, each with the sum of all relays: at most `most` of
 * them, of one tenant where that is not empty. *end: there are no more. */
int others_piece(struct others *o, const struct named_usage *behind, struct slice tenant, struct named_usage *piece,
                 unsigned most, unsigned *n, bool *end, struct error *e);

/* The latest time since which the usage of all relays is known that told it; 0: none told one. */
int others_since(struct others *o, int64_t *since_s, struct error *e);

/* What is not known of the others: see core/journal/usage_gaps.h. */
int others_gaps(struct others *o, int64_t now_s, usage_gap_each *each, void *arg, struct error *e);

#endif
