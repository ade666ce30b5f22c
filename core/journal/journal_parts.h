/* What the journal's files share. Not for use elsewhere, but for tests. */
#ifndef POSTERN_JOURNAL_PARTS_H
#define POSTERN_JOURNAL_PARTS_H

#include "core/journal/journal_file.h"
#include "core/journal/journal_tally.h"

#include <pthread.h>
#include <stdatomic.h>

struct journal_bounds {
    uint32_t decisions, refusals, gathered, mailboxes;
    size_t map_size; /* bytes */
};

#define JOURNAL_BATCH_BYTES(gathered) (EVENT_PACKED_MAX + 160 * (size_t)(gathered))
/* Entries of usage that gather over rounds. A batch has at most two thirds of that: its events, and what is beyond. */
#define JOURNAL_TALLY(gathered) (3 * (gathered))

/* What gathers between two rounds. */
struct journal_batch {
    uint8_t *bytes; /* of bounds.gathered events at most, as event_pack writes them; fewer if they are long */
    size_t n;
    uint32_t events;
    struct tally *beyond; /* what they did that did not fit */
    bool tallied;         /* has been added to the journal's tally */
};

/* Reads in another process (core/journal/journal_apart.c). */
struct piece;
struct journal_apart {
    int (*read)(struct journal_apart *apart, struct piece *p, struct error *e);
    void (*close)(struct journal_apart *apart);
};

/* What this share of a batch is left for: messages that were let through. */
#define JOURNAL_MESSAGES_SHARE 4
#define JOURNAL_MERGED 1024u /* decisions of a batch remembered, to add those that are like them; a power of two */

/* Where in the active batch a decision is that others are added to. */
struct journal_merged {
    uint64_t name; /* a hash; 0: none */
    uint64_t round;
    size_t at;
};

#define JOURNAL_REPEATED 4096u /* refusals remembered, to tell repetitions; a power of two */

struct journal {
    char *folder;
    char program[PROGRAM_NAME_MAX]; /* empty: a reader */
    struct journal_bounds bounds;
    struct hash_secret secret;
    atomic_uint_least64_t totals[ACTION_HOLD + 1][REASON_COUNT];
    atomic_uint_least64_t dropped; /* like totals: since the last round that was written */
    pthread_mutex_t note_lock;     /* short: guards active, what it points to, repeated, merged and round */
    struct journal_batch *active;
    uint64_t repeated[JOURNAL_REPEATED];
    struct journal_merged merged[JOURNAL_MERGED];
    uint64_t round;            /* of the active batch */
    pthread_mutex_t file_lock; /* guards what follows */
    struct journal_batch batches[2];
    struct tally *tally; /* usage that was not written yet */
    bool tally_sorted;   /* it is being written, and takes nothing more; up to `written` it is on the disk */
    uint32_t written;
    uint64_t gather_ns;          /* wall clock: since when it gathers */
    bool ends;                   /* no round comes later */
    struct journal_file *file;   /* NULL: not open */
    struct journal_apart *apart; /* a reader's, in the place of file; NULL: none */
    uint64_t idle_ns;            /* wall clock of the last round */
    uint32_t number;             /* of the next record's key */
    struct error notice, told;
};

/* journal_open with other bounds: for tests. */
int journal_open_bounded(const char *folder, const char *program, const struct journal_bounds *bounds,
                         struct journal **out, struct error *e);
/* A reader for which `apart` reads; owns it then. 0; -1 with e. */
int journal_open_read_by(struct journal_apart *apart, struct journal **out, struct error *e);
/* journal_flush at another time. */
int journal_flush_at(struct journal *j, uint64_t wall_ns, struct error *e);

/* With file_lock held: opens the environment where it is not open, or was replaced. 0; -1 with e. */
int journal_ensure(struct journal *j, struct error *e);
/* With file_lock held: after an answer of LMDB that was not expected. Says it in e; -1. */
int journal_failed(struct journal *j, const char *what, int code, struct error *e);

/* What a transaction writes. */
struct journal_round {
    const struct journal_batch *batch; /* NULL: no decisions */
    uint64_t totals[ACTION_HOLD + 1][REASON_COUNT];
    const struct tally *usage; /* sorted; NULL: none */
    uint32_t from, to;         /* of it: the first entry, and behind the last one that was written */
    uint64_t dropped;
    uint64_t wall_ns;
};

/* Writes a round in one transaction, of the usage as much as fits, and lets go of what is over the bounds. 0; -1 with
 * e: nothing was written. */
int journal_write(struct journal *j, struct journal_round *round, struct error *e);

/* ---- inside a transaction; they answer with LMDB's codes ---- */

struct writing {
    struct journal *j;
    MDB_txn *txn;
    const MDB_dbi *dbi;
    struct journal_round *round;
};

int journal_put(struct writing *w, enum journal_table table, const void *key, size_t key_n, const void *value,
                size_t n);
/* That there is none is fine. */
int journal_take_off(struct writing *w, enum journal_table table, const void *key, size_t key_n);
int journal_entries(struct writing *w, enum journal_table table, size_t *n);

/* How many are kept of one of the two tables of decisions. */
int journal_kept(struct writing *w, enum journal_table table, uint64_t *n);
int journal_put_decisions(struct writing *w);
/* Takes chunks off the old end of such a table: as long as they have not more than n decisions. */
int journal_drop(struct writing *w, enum journal_table table, uint64_t n);

int journal_put_usage(struct writing *w);
/* Forgets mailboxes that were seen longest ago: n of them, and those of an hour before `before`. */
int journal_forget(struct writing *w, size_t n, uint32_t before);

#endif
