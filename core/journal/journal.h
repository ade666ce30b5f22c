/*
 * The journal: what was decided lately, and who uses SMTP AUTH through this relay, for people and for reports. It is
 * written off the mail path: a decision leaves a small record in memory, and the housekeeping writes what has gathered
 * into an LMDB environment that the programs of this machine share. What does not fit between two rounds is counted,
 * not waited for.
 *
 *   table       key                                value
 *   decisions   wall-clock ns, process, number     a chunk: some decisions of one program, the newest of that time: the
 *                                                  messages that were let through
 *   refusals    the same                           chunks of all the others
 *   usage       tenant name, NUL, mailbox          struct usage, packed: kept for USAGE_DAYS
 *   seen        hour, and the key in usage         nothing: no mailbox was seen longer ago than it says
 *   totals      program, NUL, action, NUL, reason  counts since the journal was made
 *               NUL, name                          the version of this layout, and how many decisions and refusals
 *               program, NUL, "dropped"            records that were not kept since then: too many gathered
 *
 * Decisions and totals are written in each round. Usage gathers, since each mailbox is a page of the disk: it is
 * written at once while it is of few mailboxes (USAGE_SOON) or nothing new comes, and else every USAGE_LATE_S seconds,
 * or when the room for it in memory is full.
 *
 * Everything is bounded: the oldest decisions give way beyond JOURNAL_DECISIONS_MAX, a chunk at a time; mailboxes that
 * were not seen for USAGE_DAYS are forgotten, and beyond USAGE_MAILBOXES_MAX the one that was seen longest ago, to the
 * hour.
 *
 * Refusals have a bound of their own, and room of their own between two rounds: whoever is refused can be so as often
 * as he likes, and must not push away what a stolen login sent. Within a round those that differ in nothing but the
 * recipient are one, with a count.
 *
 * Each transaction's pages are on the disk before they count: a killed program or a crash of the machine costs the last
 * rounds of decisions, and what a busy relay's usage gathered in the last USAGE_LATE_S seconds, never what was there
 * before. A damaged environment is set aside (damaged.mdb in the folder, in the place of an older one), one of another
 * layout likewise (former.mdb), and a new one is begun.
 */
#ifndef POSTERN_JOURNAL_H
#define POSTERN_JOURNAL_H

#include "core/base/error.h"
#include "core/decide/decide.h"

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
    struct slice tenant, connector, login, mailbox, method, limit, sender, queue_id, instance, recipient;
    struct slice from, header_sender, fault, fault_text;
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

/* What a mailbox did. Counts are of messages; refusals are by reason. */
struct usage {
    int64_t first_s, last_s; /* wall clock: first and last submission that was let through */
    int64_t last_refused_s;
    uint64_t messages, recipients, bytes;
    uint64_t refused[REASON_COUNT];
    uint64_t would[REASON_COUNT]; /* monitor mode: messages that were let through for it */
    uint64_t basic, oauth;        /* messages by mechanism */
    uint64_t tls[TLS_NEWER + 1];  /* messages by TLS version */
    struct {
        struct ip ip;
        int64_t last_s;
    } clients[USAGE_CLIENTS]; /* the newest first; last_s 0: none */
};

struct journal;

/*
 * Opens the journal in that folder; both texts are copied. program is "policyd" or "milter"; NULL for readers, who need
 * no more than to read the folder and write LMDB's lock file in it; those that people start use journal_open_apart
 * (core/journal/journal_apart.h). A process opens a journal once at a time (LMDB's locks are the process's), and does
 * not use it across a fork.
 *
 * For a program nothing is touched yet: its first journal_flush makes the folder (mode 0770) and the environment, says
 * what is wrong, and later ones try again. A reader gets -1 with e when there is no journal.
 */
int journal_open(const char *folder, const char *program, struct journal **out, struct error *e);
void journal_close(struct journal *j); /* writes what has gathered; NULL is fine */

/* Leaves a record; copies it. Never blocks on a disk. Any thread. NULL is fine. */
void journal_note(struct journal *j, const struct journal_event *event);
/*
 * Writes what has gathered: decisions and totals in one transaction, usage when it is due, a part in a transaction.
 * Called by the housekeeping about once a second; a round takes at most about 100 ms, and what the disk needs. When it
 * fails, what has gathered is kept for the next round: decisions up to twice JOURNAL_GATHERED_MAX, usage up to
 * about that number of mailboxes and clients, totals without bound.
 */
int journal_flush(struct journal *j, struct error *e);
/* Something that is worth a line in the log though the journal is in use; NULL when there is nothing new. For the
 * thread that flushes; valid until its next call. */
const char *journal_notice(struct journal *j);

/*
 * ---- reading: by any thread, piece by piece, each of them a short transaction of its own: nothing is held while the
 * callback runs, and it may take its time. What changes meanwhile may be seen before or after its change. A record that
 * cannot be read is left out. 0, or -1 with e. ----
 */

/* Walks over decisions, newest first, that are not older than since_ns. The callback answers false to stop. */
int journal_decisions(struct journal *j, uint64_t since_ns,
                      bool (*each)(void *arg, const struct journal_record *record), void *arg, struct error *e);
/* Walks over usage, by tenant and mailbox. mailbox is the primary address, or the login (its ASCII letters in lower
 * case) where there is no mailbox. */
int journal_usage(struct journal *j,
                  bool (*each)(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage),
                  void *arg, struct error *e);
/* 1 and *usage, 0 when there is none, -1 with e. */
int journal_usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage,
                     struct error *e);
int journal_totals(struct journal *j,
                   bool (*each)(void *arg, const char *program, enum action action, enum reason reason, uint64_t count),
                   void *arg, struct error *e);
/* Records of all programs that were not kept since the journal was made, because too many gathered between two rounds:
 * they are in usage and totals, but not among the decisions. */
int journal_dropped(struct journal *j, uint64_t *count, struct error *e);

#endif
