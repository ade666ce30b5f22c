/*
 * The journal: what was decided lately, and who uses SMTP AUTH through this relay, for people and for reports. It is
 * written off the mail path: a decision leaves a small record in memory, and the housekeeping writes what has gathered
 * into an LMDB environment that the programs of this machine share. What does not fit between two rounds is counted,
 * not waited for.
 *
 *   table       key                                value
 *   decisions   wall-clock ns, process, number     struct journal_record, packed
 *   usage       tenant name, NUL, mailbox          struct usage, packed: kept for USAGE_DAYS
 *   totals      program, NUL, action, NUL, reason  counts since the journal was made
 *
 * Both tables are bounded: the oldest decisions give way (JOURNAL_DECISIONS_MAX), mailboxes that were not seen for
 * USAGE_DAYS are forgotten, and beyond USAGE_MAILBOXES_MAX the one that was seen longest ago.
 */
#ifndef POSTERN_JOURNAL_H
#define POSTERN_JOURNAL_H

#include "core/decide.h"
#include "core/error.h"

#define JOURNAL_DECISIONS_MAX 200000u
#define JOURNAL_GATHERED_MAX 8192u /* records between two rounds; usage and totals are exact beyond that, too */
#define USAGE_DAYS 400
#define USAGE_MAILBOXES_MAX 2000000u
#define USAGE_CLIENTS 8 /* the last different clients of a mailbox */

/* One decision. Texts are terminated, cut where too long, and may hold anything: escape them before showing. */
struct journal_record {
    uint64_t at_ns; /* wall clock */
    enum action action;
    enum reason reason;
    enum reason monitored; /* what would have been refused; REASON_NOT_OURS: nothing */
    enum stage stage;
    enum tls_version tls;
    bool milter; /* by the milter, else by the policy server */
    bool has_client;
    struct ip client;
    uint32_t recipients;
    uint64_t size;
    uint64_t retry_s;
    char tenant[64], connector[64];
    char login[128];
    char mailbox[128]; /* primary address; empty when the login has none */
    char method[24], limit[40], sender[160], recipient[160], queue_id[24], instance[48];
};

/* What a mailbox did. Counts are of messages; refusals are by reason. */
struct usage {
    int64_t first_s, last_s; /* wall clock: first and last submission that was let through */
    int64_t last_refused_s;
    uint64_t messages, recipients, bytes;
    uint64_t refused[REASON_COUNT];
    uint64_t would[REASON_COUNT]; /* monitor mode */
    uint64_t basic, oauth;        /* messages by mechanism */
    uint64_t tls[TLS_NEWER + 1];  /* messages by TLS version */
    struct {
        struct ip ip;
        int64_t last_s;
    } clients[USAGE_CLIENTS]; /* the newest first; last_s 0: none */
};

struct journal;

/*
 * Opens (and makes, folder mode 0770) the journal in that folder. program is "policyd" or "milter"; NULL for readers,
 * who need no more than to read the folder and write LMDB's lock file in it. 0, or -1 with e: the services go on
 * without one.
 */
int journal_open(const char *folder, const char *program, struct journal **out, struct error *e);
void journal_close(struct journal *j); /* writes what has gathered; NULL is fine */

/* Leaves a record; copies it. Never blocks on a disk. Any thread. */
void journal_note(struct journal *j, const struct journal_record *record);
/* Writes what has gathered, in one transaction. Called by the housekeeping about once a second; a round takes at most
 * about 100 ms. */
int journal_flush(struct journal *j, struct error *e);
/* Records that were not kept since start because too many gathered. */
uint64_t journal_dropped(const struct journal *j);

/* ---- reading: every call is one read transaction of its own, so that nothing is held open ---- */

/* Walks over decisions, newest first, that are not older than since_ns. The callback answers false to stop. */
int journal_decisions(struct journal *j, uint64_t since_ns,
                      bool (*each)(void *arg, const struct journal_record *record), void *arg, struct error *e);
/* Walks over usage, by tenant and mailbox. mailbox is the primary address, or the login where there is no mailbox. */
int journal_usage(struct journal *j,
                  bool (*each)(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage),
                  void *arg, struct error *e);
/* 1 and *usage, 0 when there is none, -1 with e. */
int journal_usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage,
                     struct error *e);
int journal_totals(struct journal *j,
                   bool (*each)(void *arg, const char *program, enum action action, enum reason reason, uint64_t count),
                   void *arg, struct error *e);

#endif
