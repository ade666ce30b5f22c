/* What the journal's files share. Not for use elsewhere, but for tests. */
#ifndef POSTERN_JOURNAL_PARTS_H
#define POSTERN_JOURNAL_PARTS_H

#include "core/base/hash.h"
#include "core/journal/journal.h"
#include "core/journal/journal_file.h"
#include "core/journal/journal_tally.h"
#include "core/journal/others.h"

#include <pthread.h>
#include <stdatomic.h>

#define PROGRAM_NAME_MAX 32u /* with its terminator */

struct journal_bounds {
    uint32_t decisions, refusals, gathered, mailboxes;
    uint32_t wal_pages; /* beyond this nothing is written until readers allow a checkpoint */
};

/* ---- the texts of a decision: their columns, and the members of struct journal_event and struct journal_record ----
 */

#define JOURNAL_TEXTS(X)                                                                                               \
    X(tenant, tenant)                                                                                                  \
    X(login, login)                                                                                                    \
    X(mailbox, mailbox)                                                                                                \
    X(connector, connector)                                                                                            \
    X(method, method)                                                                                                  \
    X(limit_name, limit)                                                                                               \
    X(sender, sender)                                                                                                  \
    X(recipient, recipient)                                                                                            \
    X(queue_id, queue_id)                                                                                              \
    X(instance, instance)                                                                                              \
    X(header_from, from)                                                                                               \
    X(header_sender, header_sender)                                                                                    \
    X(fault, fault)                                                                                                    \
    X(fault_text, fault_text)

#define JOURNAL_TEXT_COUNT 14

struct journal_text {
    uint16_t event, record; /* where it is there: a slice, and an array */
    uint16_t cap;           /* of that array */
};
extern const struct journal_text journal_texts[JOURNAL_TEXT_COUNT];

static inline struct slice *journal_text_of(struct journal_event *v, int i)
{
    return (struct slice *)(void *)((char *)v + journal_texts[i].event);
}

/* ---- what gathers between two rounds ---- */

/* A decision to be written. Its texts are consecutive in the batch's bytes, from `text` on. */
struct journal_noted {
    uint64_t at_ns, size, retry_s;
    struct ip client;
    uint32_t recipients, times, messages, text;
    uint8_t action, reason, monitored, stage, tls, fault_field;
    bool milter, has_client;
    uint8_t n[JOURNAL_TEXT_COUNT + 1]; /* the last is the account's, which has no column */
};

#define JOURNAL_ACCOUNT_MAX 64u       /* bytes; a local part has no more */
#define JOURNAL_NOTED_BYTES_MAX 1600u /* of a decision's texts */
#define JOURNAL_BATCH_BYTES(gathered) (JOURNAL_NOTED_BYTES_MAX + 160 * (size_t)(gathered))
/*
 * Entries of usage collected over several rounds. A batch has at most two thirds of that: its events, and the overflow.
 */
#define JOURNAL_TALLY(gathered) (3 * (gathered))

struct journal_batch {
    struct journal_noted *events; /* room for bounds.gathered */
    char *bytes;                  /* JOURNAL_BATCH_BYTES of that */
    size_t n;                     /* of bytes */
    uint32_t count;               /* of events */
    struct tally *beyond;         /* usage of decisions that overflowed `bytes` */
    bool tallied;                 /* has been added to the journal's tally */
};

/* The event of the batch at that index. Its texts point into the batch. */
struct journal_event journal_batch_event(const struct journal_batch *batch, uint32_t i);
/* Was a message let through, which counts? */
bool journal_is_message(const struct journal_noted *noted);

/* One part in so many of a batch is reserved for messages that were let through. */
#define JOURNAL_MESSAGES_SHARE 4
#define JOURNAL_MERGED 1024u   /* decisions of a batch remembered for merging; a power of two */
#define JOURNAL_REPEATED 4096u /* refusals remembered, to recognize repetitions; a power of two */

/* Where in the active batch a decision is into which others are merged. */
struct journal_merged {
    uint64_t name; /* a hash; 0: none */
    uint64_t round;
    uint32_t at;
};

typedef uint64_t journal_totals_t[ACTION_HOLD + 1][REASON_COUNT];

/* ---- counts by name (core/journal/journal_counts.c) ---- */

#define COUNTS_LIMITS_MAX 256u /* the last one is for all further limits, under no name */
#define COUNTS_OF_LIMIT (COUNTED_BLOCKS + 1)

struct journal_counts {
    struct journal_counts_limit {
        char name[sizeof((struct journal_record *)0)->limit];
        uint64_t counts[COUNTS_OF_LIMIT]; /* by enum journal_counted */
    } limits[COUNTS_LIMITS_MAX];
    unsigned n_limits;
    uint64_t would[REASON_COUNT];
    uint64_t times[JOURNAL_TIMES], time_sum_ns;
    bool any; /* something was counted since the last round that was written */
};

/* Adds what the event counts for. */
void counts_add(struct journal_counts *c, const struct journal_event *v);
void counts_add_block(struct journal_counts *c, struct slice limit);
/* Subtracts what has been written; names stay. */
void counts_subtract(struct journal_counts *c, const struct journal_counts *written);

struct journal {
    char *folder;
    char program[PROGRAM_NAME_MAX]; /* empty: a reader */
    struct journal_bounds bounds;
    struct hash_secret secret;
    atomic_uint_least64_t totals[ACTION_HOLD + 1][REASON_COUNT];
    atomic_uint_least64_t dropped; /* like totals: since the last round that was written */
    pthread_mutex_t note_lock;     /* short: guards active, what it points to, repeated, merged, round and counts */
    struct journal_batch *active;
    uint64_t repeated[JOURNAL_REPEATED];
    struct journal_merged merged[JOURNAL_MERGED];
    uint64_t round; /* of the active batch */
    struct journal_counts counts;
    pthread_mutex_t file_lock; /* guards what follows */
    struct journal_batch batches[2];
    struct journal_counts counting; /* the counts that a round writes */
    struct tally *tally;            /* usage that was not written yet */
    bool tally_sorted; /* it is being written, and nothing may be added; up to `written` it is in the database */
    uint32_t written;
    uint64_t gather_ns;          /* wall clock: when it was begun */
    bool ends;                   /* closing: flush all */
    struct database *file;       /* NULL: not open */
    uint64_t idle_ns;            /* wall clock of the last round */
    uint64_t shifted;            /* decisions whose time was taken by another one */
    uint32_t fresh[3];           /* rows since they were last counted: messages, refusals, mailboxes */
    int64_t first_s;             /* no submission is known to have been earlier; 0: that is not known */
    char forgot[USAGE_NAME_MAX]; /* the last mailbox checked for forgetting, as usage_name */
    size_t forgot_n;             /* 0: start over */
    struct error notice, told;
    char *others_folder;   /* a reader's: where the other relays' usage is; NULL: there are none */
    struct others *others; /* NULL: not open */
    /* the thread's */
    pthread_t thread;
    bool runs;
    pthread_mutex_t wake_lock; /* guards stops */
    pthread_cond_t wake;
    bool stops;
    journal_tell *tell;
    void *tell_arg;
};

/* journal_open with other bounds: for tests. */
int journal_open_bounded(const char *folder, const char *program, const struct journal_bounds *bounds,
                         struct journal **out, struct error *e);
/* journal_flush at another time. */
int journal_flush_at(struct journal *j, uint64_t wall_ns, struct error *e);

/* With file_lock held: opens the database where it is not open, or was replaced. 0; -1 with e. */
int journal_ensure(struct journal *j, struct error *e);
/* With file_lock held: after an answer of SQLite that was not expected. Says it in e, closes what cannot be gone on
 * with, and sets aside what a program finds damaged; -1. */
int journal_failed(struct journal *j, const char *what, int code, struct error *e);

/* ---- reading: with file_lock held, but for journal_read_one ---- */

static inline void journal_lock(struct journal *j)
{
    (void)pthread_mutex_lock(&j->file_lock);
}

static inline void journal_unlock(struct journal *j)
{
    (void)pthread_mutex_unlock(&j->file_lock);
}

/* Before a piece. 0; -1 with e. */
int journal_begin_piece(struct journal *j, struct error *e);
/* NULL with e. */
sqlite3_stmt *journal_prepare(struct journal *j, const char *sql, struct error *e);
/* The one number that the query returns; 0 where that is NULL. */
int journal_read_one(struct journal *j, const char *sql, uint64_t *number, struct error *e);
/* Copies the text of that column, terminated. False: it is too long, and none of ours. */
bool journal_copy_name(sqlite3_stmt *s, int column, char *out, size_t cap, size_t *n);

/* ---- writing: with file_lock held and the file open; each is a transaction. 0; or -1 with e: nothing was written ----
 */

/* Decisions of the batch, totals, j->counting, and how many were dropped; what is over the bounds gives way. usage: and
 * as much of the tally, which is sorted, as one transaction takes. */
int journal_write_round(struct journal *j, const struct journal_batch *batch, journal_totals_t totals, uint64_t dropped,
                        bool usage, struct error *e);
/* What of a kind is counted, by its name in the database. False: none. */
bool counted_find(struct slice name, enum journal_counted *what);
/* A code of SQLite. */
int journal_put_counts(struct journal *j, const struct journal_counts *c);
/* What is left of the tally, which is sorted: a part in a transaction. Then it is empty. */
int journal_write_usage(struct journal *j, struct error *e);
/* Forgets mailboxes that were not seen for USAGE_DAYS, or are too many. */
int journal_forget_usage(struct journal *j, uint64_t wall_ns, struct error *e);

/* ---- rows (core/journal/journal_rows.c) ---- */

#define DECISION_COLUMNS                                                                                               \
    "at,verdict,reason,would,program,stage,tls,client,recipients,size,retry_s,times,messages,fault_"                   \
    "field" JOURNAL_TEXTS(JOURNAL_COLUMN)
#define JOURNAL_COLUMN(column, member) "," #column

/*
 * By what decisions are found. An index by names would have each of a busy relay's decisions change a page of its own,
 * once when it comes and once when it goes, which costs three times as much as all the rest (bench/README.md). So the
 * decisions of a table are counted off into parts, in the order in which they were written, and the indices are ordered
 * by part and name: the pages of the newest part and of the oldest are the only ones that change, and whoever looks for
 * a name does so in each of the thirty parts or so. Of names there are hashes, which are short; their texts are
 * compared when the row was read.
 *
 * name_key: of the mailbox; where there is none of the account, else the login, else the connector.
 * login_key: of the login, where that is another name; else NULL.
 */
#define DECISION_KEYS "part,name_key,login_key"
#define PART_ROWS 8192

/* The key of a name, whatever the case of its ASCII letters. */
int32_t decision_key(struct slice name);

/* Binds it to DECISION_COLUMNS and DECISION_KEYS of an INSERT. Its texts stay as they are until that is done. */
void decision_bind(sqlite3_stmt *s, const struct journal_event *v, int64_t part);
/* Reads DECISION_COLUMNS. False when that is none of ours. */
bool decision_read(sqlite3_stmt *s, struct journal_record *r);

#define USAGE_COLUMNS                                                                                                  \
    "first,last,last_refused,messages,recipients,bytes,basic,oauth,tls_none,tls_old,tls_1_0,tls_1_1,tls_1_2,tls_1_3,"  \
    "tls_newer,refused,would,clients"
#define USAGE_COLUMN_COUNT 18
#define USAGE_TEXT_MAX 4096u /* of the three texts together */

/* Binds it to USAGE_COLUMNS, from that parameter on; the texts are written into `texts`, and stay until that is done.
 */
void usage_bind(sqlite3_stmt *s, int parameter, const struct usage *u, char texts[USAGE_TEXT_MAX]);
/* Reads USAGE_COLUMNS from that column on. What cannot be read is as if it were not there. */
void usage_read(sqlite3_stmt *s, int column, struct usage *u);

/* The numbers among the columns, in their order: a new one comes last, since relays of two versions tell each other. */
#define USAGE_NUMBERS 15
void usage_numbers_get(const struct usage *u, uint64_t numbers[USAGE_NUMBERS]);
void usage_numbers_set(struct usage *u, const uint64_t numbers[USAGE_NUMBERS]);
#endif
