/*
 * Blocks as they came and went: a table of the journal. The programs in the mail path look once a second whether the
 * table of blocks in the state has changed, and write down what is new and what is gone; whoever lifts one adds who and
 * why. So it has the blocks of limits, of operators and of other relays alike, and none that lasted less than a second.
 *
 * The last BLOCK_HISTORY_MAX are kept, for USAGE_DAYS after their end. Those that stand give way last.
 */
#ifndef POSTERN_BLOCK_HISTORY_H
#define POSTERN_BLOCK_HISTORY_H

#include "core/journal/journal.h"
#include "core/state/blocks.h"

#define BLOCK_HISTORY_MAX 10000u

enum block_end {
    BLOCK_EXPIRED, /* by itself */
    BLOCK_LIFTED,  /* by somebody */
    BLOCK_MERGED,  /* into a block of the network around it */
    BLOCK_GONE     /* nobody here knows: another relay lifted it, or the state was lost */
};
#define BLOCK_ENDS (BLOCK_GONE + 1)
/* "expired" ... */
const char *block_end_word(enum block_end end);

/* One block; subject, limit and since tell it from others. Texts may be of another program: escape them. */
struct block_row {
    char subject[128], limit[40], reason[72];
    int64_t since_s, until_s; /* wall clock; until 0: until it is lifted */
    int64_t ended_s;          /* 0: it stands */
    enum block_end how;
    char by[64], why[200]; /* who ended it, or what; and his reason */
};

/* What changed since the last look. NULL is fine. */
struct block_watch;
struct block_watch *block_watch_new(void); /* NULL without memory */
void block_watch_free(struct block_watch *w);

/* Writes what changed; costs one load when nothing did. In one thread. now_ns: state time. 0; -1 with e: the next look
 * tries it again. */
int block_watch_look(struct block_watch *w, struct journal *j, const struct blocks *blocks, uint64_t now_ns,
                     int64_t wall_s, struct error *e);

/*
 * A block was lifted: by and why are for people. For a program that has no journal open; one that nobody has made yet
 * is left alone. 0, or -1 with e.
 */
int block_lifted_note(const char *journal_folder, const struct block_row *row, struct error *e);
/* The row of a block of the state. */
void block_row_of(const struct block *block, uint64_t now_ns, int64_t wall_s, struct block_row *out);

/* Those that ended since then, the newest end first, at most so many. A callback returns false to stop. 0; -1 with e.
 */
int journal_ended_blocks(struct journal *j, int64_t since_s, int64_t now_s, size_t most,
                         bool (*each)(void *arg, const struct block_row *row), void *arg, struct error *e);

#endif
