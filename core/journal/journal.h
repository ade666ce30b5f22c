/*
 * The journal: what was decided lately, and who uses SMTP AUTH through this relay, for people and for reports. It is
 * written off the mail path: a decision leaves a small record in memory, and a thread of the journal's own writes what
 * has gathered into an SQLite database that the programs of this machine share: journal.sqlite in the journal's folder,
 * with journal.sqlite-wal and journal.sqlite-shm beside it. postern-journal(5) has its tables. What does not fit
 * between two rounds is counted, not waited for.
 *
 * Decisions and totals are written in each round. Usage gathers, since each mailbox is a page of the disk: it is
 * written at once while it is of few mailboxes (USAGE_SOON) or nothing new comes, and else every USAGE_LATE_S seconds,
 * or when the room for it in memory is full.
 *
 * Everything is bounded: the oldest decisions give way beyond JOURNAL_DECISIONS_MAX; mailboxes that were not seen for
 * USAGE_DAYS are forgotten, and beyond USAGE_MAILBOXES_MAX the one that was seen longest ago. What is over
 * a bound is looked for after each 32nd part of it, so that a program can be that much beyond it.
 *
 * Refusals have a bound of their own, and room of their own between two rounds: whoever is refused can be so as often
 * as he likes, and must not push away what a stolen login sent. Within a round those that differ in nothing but the
 * recipient are one, with a count.
 *
 * A killed program loses what had not been written yet: a second of decisions, and what a busy relay's usage gathered
 * in the last USAGE_LATE_S seconds. A crash of the machine costs what was written since the last checkpoint too, never
 * what was there before. A damaged database is set aside (damaged.sqlite in the folder, in the place of an older one),
 * one of another layout likewise (former.sqlite; former.mdb, as versions with LMDB had it), and a new one is begun.
 */
#ifndef POSTERN_JOURNAL_H
#define POSTERN_JOURNAL_H

#include "core/base/error.h"
#include "core/journal/usage_gaps.h"
#include "core/mail/action.h"
#include "core/mail/headers.h"
#include "core/mail/mechanism.h"
#include "core/mail/network.h"
#include "core/mail/reason.h"
#include "core/mail/stage.h"
#include "core/mail/tls_version.h"

#define JOURNAL_DECISIONS_MAX 200000u
#define JOURNAL_REFUSALS_MAX 100000u
#define JOURNAL_GATHERED_MAX 16384u /* decisions between two rounds; usage and totals are exact beyond that, too */
#define USAGE_SOON 16               /* mailboxes and clients that are written in each round */
#define USAGE_LATE_S 30
#define USAGE_DAYS 400
#define USAGE_MAILBOXES_MAX 2000000u
#define USAGE_CLIENTS 8 /* the last different clients of a mailbox */

/*
 * One decision as it is noted. What its members mean is said at struct journal_record; texts that are longer than there
 * are cut.
 */
struct journal_event {
    uint64_t at_ns;
    enum action action;
    enum reason reason, monitored;
    enum stage stage;
    enum tls_version tls;
    bool milter, counts, has_client;
    uint32_t recipients;
    struct ip client;
    uint64_t size, retry_s;
    uint64_t took_ns; /* from the question to the verdict; 0: not measured. Is counted only */
    struct slice tenant, connector, login, mailbox, method, limit, sender, queue_id, instance, recipient;
    struct slice from, header_sender, fault, fault_text;
    /* Without mailbox: what all spellings of the login have in common, by which journal_decisions finds it: the local
     * part of the address that it stands for, or its account name, canonical. Isn't kept. */
    struct slice account;
    enum header_field fault_field;
    uint32_t times, messages; /* as it is read; to be noted, it is one */
};

/* One decision as it is read. Texts are terminated, and may hold anything: escape them before showing. */
struct journal_record {
    uint64_t at_ns; /* wall clock */
    enum action action;
    enum reason reason;
    enum reason monitored; /* what would have been refused; REASON_NOT_OURS: nothing */
    enum stage stage;
    enum tls_version tls;
    bool milter; /* by the milter, else by the policy server */
    /*
     * Counts in the usage: a message that passes and was charged here, or a refusal. A passing record without it is
     * there for what monitor mode would have refused. journal_note takes it from the refusals of one instance for one
     * reason but the first, since a message with many recipients is refused for each of them.
     */
    bool counts;
    uint32_t times;    /* as many decisions that differ in the recipient at most, within about a second; at least 1 */
    uint32_t messages; /* how many of these count */
    bool has_client;
    struct ip client;
    uint32_t recipients;
    uint64_t size;
    uint64_t retry_s;
    char tenant[64], connector[64];
    char login[128];
    char mailbox[128]; /* primary address; empty when the login has none */
    char method[24], limit[40], sender[160], queue_id[24], instance[48];
    char recipient[160]; /* the one in question; of a whole message, the first */
    /* Of the header, where the milter saw it: the first address in From where that is not the envelope sender; in
     * Sender; and where the header is what is wrong, which field, what with it, and the address or the beginning of the
     * field. */
    char from[160], header_sender[160];
    enum header_field fault_field;
    char fault[96], fault_text[160]; /* fault: empty where the header is not at fault */
};

/* The program that decided: "policyd", "milter", "sasl". Only the last is asked at AUTH. */
static inline const char *journal_program(enum stage stage, bool milter)
{
    return stage == STAGE_AUTH ? "sasl" : milter ? "milter" : "policyd";
}

/* From where a mailbox submitted, and when last. */
struct usage_client {
    struct ip ip;
    int64_t last_s;
};

/* What a mailbox did. Counts are of messages; refusals are by reason. */
struct usage {
    int64_t first_s, last_s; /* wall clock: first and last submission that was let through */
    int64_t last_refused_s;
    uint64_t messages, recipients, bytes;
    uint64_t refused[REASON_COUNT];
    uint64_t would[REASON_COUNT];               /* monitor mode: messages that were let through for it */
    uint64_t basic, oauth;                      /* messages by mechanism */
    uint64_t tls[TLS_NEWER + 1];                /* messages by TLS version */
    struct usage_client clients[USAGE_CLIENTS]; /* the newest first; last_s 0: none */
};

struct journal;

/*
 * Opens the journal in that folder; both texts are copied. program is "policyd" or "milter"; NULL for readers, who need
 * no more than to read the folder and its files, and write nothing there. A process opens a journal once at a time, and
 * does not use it across a fork (POSIX locks are the process's).
 *
 * For a program nothing is touched yet: its first round makes the folder (mode 2750) and the database, says what is
 * wrong, and later ones try again. A reader gets -1 with e when there is no journal.
 */
int journal_open(const char *folder, const char *program, struct journal **out, struct error *e);
/* Ends the thread, and writes what has gathered. NULL is fine. */
void journal_close(struct journal *j);

/* Told of after each round, in the journal's thread. Both are valid during the call. */
typedef void journal_tell(void *arg, const char *trouble, /* why nothing could be written; NULL: it was */
                          const char *notice); /* something new that is worth a line in the log; NULL: nothing */
/* Starts the thread, which makes a round each second until journal_close. 0, or -1 with e. */
int journal_start(struct journal *j, journal_tell *tell, void *arg, struct error *e);

/*
 * What is counted beside decisions, since the journal was begun. The names are bounded: limits of the configuration,
 * reasons, and the bounds of a histogram.
 */
enum journal_counted {
    COUNTED_DEFER,    /* by a limit's name: decisions in which it deferred ... */
    COUNTED_REJECT,   /* ... refused for good ... */
    COUNTED_HOLD,     /* ... put on hold ... */
    COUNTED_BLOCK,    /* ... blocked ... */
    COUNTED_MONITOR,  /* ... or would have, in monitor mode or by then = "monitor" */
    COUNTED_BLOCKS,   /* by a limit's name: blocks that it made */
    COUNTED_WOULD,    /* by reason: what monitor mode would have refused */
    COUNTED_TIME,     /* by the upper bound in microseconds, "inf" for the last: decisions that took up to so long, and
                         longer than the bound before */
    COUNTED_TIME_SUM, /* no name: nanoseconds that all of these took */
    COUNTED_KINDS
};
#define JOURNAL_TIMES 16 /* parts of the histogram */
/* The upper bound of a part; 0: none, it is the last. */
uint64_t journal_time_bound_us(unsigned part);
/* A limit made a block. Any thread. NULL is fine. */
void journal_note_block(struct journal *j, struct slice limit);

/* Leaves a record; copies it. Never blocks on a disk or on another process. Any thread. NULL is fine. */
void journal_note(struct journal *j, const struct journal_event *event);
/*
 * A round, as the thread makes it: writes what has gathered; decisions and totals in one transaction, usage when it is
 * due, a part in a transaction. When it fails, what has gathered is kept for the next round: decisions up to twice
 * JOURNAL_GATHERED_MAX, usage up to about that number of mailboxes and clients, totals without bound. 0, or -1 with e.
 */
int journal_flush(struct journal *j, struct error *e);
/* Something that is worth a line in the log though the journal is in use; NULL when there is nothing new. Valid until
 * the next call. */
const char *journal_notice(struct journal *j);

/*
 * ---- reading: by any thread, piece by piece, each of them a short transaction of its own: nothing is held while the
 * callback runs, and it may take its time. What changes meanwhile may be seen before or after its change. A record that
 * cannot be read is left out. A callback returns false to stop. 0, or -1 with e. ----
 */

/* Which decisions; all zero: all of them. */
struct journal_query {
    uint64_t since_ns;   /* not older */
    const char *name;    /* of a login, a mailbox or a connector, whatever the case of its ASCII letters; NULL: any */
    const char *mailbox; /* with name: or of this mailbox; NULL or empty: none */
    /* With name: or of any login that has no mailbox and this account (as in struct journal_event); and of some others,
     * which the caller tells by their texts. Empty: none. */
    struct slice account;
    bool monitored; /* what monitor mode would have refused, only */
};
/* Walks over decisions, newest first. Those of a name are found by indices. */
int journal_decisions(struct journal *j, const struct journal_query *query,
                      bool (*each)(void *arg, const struct journal_record *record), void *arg, struct error *e);
/* The time of the oldest decision that is kept; 0: there is none. */
int journal_oldest(struct journal *j, uint64_t *at_ns, struct error *e);

/*
 * In a cluster, for a reader: usage is this relay's and what the others told of theirs (core/journal/others.h), in that
 * folder. Each mailbox is seen once, with the sums of all. Decisions and totals are this relay's alone. 0, or -1
 * without memory: whether something can be read there is said by journal_usage_gaps.
 */
int journal_add_others(struct journal *j, const char *folder, struct error *e);
/* Were they added? Then whoever shows decisions says that they are this relay's. */
bool journal_has_others(const struct journal *j);

/* Each other relay whose usage is not known, or not all of it, or not of late. Whoever says that a mailbox is not used,
 * or when it was used last, says these, too. None where no others were added. 0, or -1 with e. */
int journal_usage_gaps(struct journal *j, int64_t now_s, usage_gap_each *each, void *arg, struct error *e);

/* Those of these relays that nothing was ever heard of; of the others what is missing is among the gaps above. NULL:
 * nothing was heard of any. 0, or -1 with e. */
int journal_unknown_relays(struct journal *j, const struct slice *names, size_t n, usage_gap_each *each, void *arg,
                           struct error *e);

/* Whose usage; all zero: everybody's. All that is asked for must hold. */
struct usage_query {
    struct slice tenant;  /* empty: any */
    bool sent;            /* something was let through */
    int64_t sent_since_s; /* and the last not before */
    bool refused;         /* something was refused */
    int64_t refused_since_s;
    bool basic;   /* something was sent with a password */
    bool old_tls; /* something was sent without TLS, or with one before 1.2 */
    /* to tell the others: */
    bool own;                   /* this relay's alone */
    int64_t changed_since_s;    /* let through or refused since then */
    struct slice after_tenant;  /* those behind that mailbox ... */
    struct slice after_mailbox; /* ... where this is not empty */
};
/* Walks over usage, by tenant and mailbox. mailbox is the primary address, or the login (its ASCII letters in lower
 * case) where there is no mailbox. */
int journal_usage(struct journal *j, const struct usage_query *query,
                  bool (*each)(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage),
                  void *arg, struct error *e);
/* 1 and *usage, 0 when there is none, -1 with e. */
int journal_usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage,
                     struct error *e);
/* Since when usage is known: the first submission of all that was let through, wall clock; 0: none was. With others:
 * the latest of all relays' times, where for a relay that let nothing through yet that is when its journal was begun.
 */
int journal_usage_since(struct journal *j, int64_t *first_s, struct error *e);
/* Of this relay alone, to tell the others; when its journal was begun, where nothing was let through yet. */
int journal_own_since(struct journal *j, int64_t *since_s, struct error *e);
int journal_totals(struct journal *j,
                   bool (*each)(void *arg, const char *program, enum action action, enum reason reason, uint64_t count),
                   void *arg, struct error *e);
/* By kind (in the order of their names in the database), name and program. */
#define JOURNAL_COUNTS_MAX 4096u /* further ones are left out */
int journal_counts(struct journal *j,
                   bool (*each)(void *arg, const char *program, enum journal_counted what, const char *name,
                                uint64_t count),
                   void *arg, struct error *e);
/* Records of all programs that were not kept since the journal was made, because too many gathered between two rounds:
 * they are in usage and totals, but not among the decisions. */
int journal_dropped(struct journal *j, uint64_t *count, struct error *e);

/*
 * Writes a copy of the database as it is at this moment, for sqlite3 and the like: to a new file (mode 0600), which is
 * not there again when that fails. It is made in one transaction: when that takes long on a busy relay, decisions may
 * be dropped meanwhile. For a reader.
 */
int journal_export(struct journal *j, const char *path, struct error *e);

#endif
