/* What the journal's files share. Not for use elsewhere, but for tests. */
#ifndef POSTERN_JOURNAL_PARTS_H
#define POSTERN_JOURNAL_PARTS_H

#include "core/journal_file.h"
#include "core/journal_tally.h"

#include <pthread.h>
#include <stdatomic.h>

struct journal_bounds {
    uint32_t decisions, gathered, mailboxes;
    size_t map_size; /* bytes */
};

/* What gathers between two rounds. */
struct journal_batch {
    uint8_t *bytes; /* bounds.gathered entries of at most JOURNAL_ENTRY_MAX: at_ns, size (16 bits), packed record */
    size_t n;
    uint32_t records;
    struct tally *tally; /* of records beyond those in bytes; when written, of those too */
    bool tallied;
};

#define JOURNAL_ENTRY_HEAD 10u
#define JOURNAL_ENTRY_MAX (JOURNAL_ENTRY_HEAD + RECORD_PACKED_MAX)
#define JOURNAL_REPEATED 4096u /* refusals remembered, to tell repetitions; a power of two */

struct journal {
    char *folder;
    char program[PROGRAM_NAME_MAX]; /* empty: a reader */
    struct journal_bounds bounds;
    struct hash_secret secret;
    atomic_uint_least64_t totals[ACTION_HOLD + 1][REASON_COUNT];
    atomic_uint_least64_t dropped; /* like totals: since the last round that was written */
    pthread_mutex_t note_lock;     /* short: guards active, what it points to, and repeated */
    struct journal_batch *active;
    uint64_t repeated[JOURNAL_REPEATED];
    pthread_mutex_t file_lock; /* guards what follows */
    struct journal_batch batches[2];
    struct journal_file *file; /* NULL: not open */
    uint64_t idle_ns;          /* wall clock of the last round */
    uint32_t number;           /* of the next record's key */
    struct error notice, told;
};

/* journal_open with other bounds: for tests. */
int journal_open_bounded(const char *folder, const char *program, const struct journal_bounds *bounds,
                         struct journal **out, struct error *e);
/* journal_flush at another time. */
int journal_flush_at(struct journal *j, uint64_t wall_ns, struct error *e);

/* With file_lock held: opens the environment where it is not open, or was replaced. 0; -1 with e. */
int journal_ensure(struct journal *j, struct error *e);
/* With file_lock held: after an answer of LMDB that was not expected. Says it in e; -1. */
int journal_failed(struct journal *j, const char *what, int code, struct error *e);

/* What a round writes. */
struct journal_round {
    struct journal_batch *batch;
    uint64_t totals[ACTION_HOLD + 1][REASON_COUNT];
    uint64_t dropped;
    uint64_t wall_ns;
};

/* Writes a round in one transaction, and lets go of what is over the bounds. 0; -1 with e: nothing was written. */
int journal_write(struct journal *j, const struct journal_round *round, struct error *e);

#endif
