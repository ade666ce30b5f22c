/*
 * Notices for people: a block was made, the mirror is stale, the state cannot be written. A notice is a small JSON
 * file in a folder of the spool; postern-alert, a separate program, sends it from there. So a dead webhook does not
 * delay mail, and notices survive a restart.
 *
 *   SPOOL/alerts/ID.json           to be sent
 *   SPOOL/alerts/episodes/NAME     when this event was last reported for this subject: one notice an episode
 *   SPOOL/alerts/sent, failed      postern-alert's own
 */
#ifndef POSTERN_ALERT_H
#define POSTERN_ALERT_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/config/alert_event.h"

#include <stdint.h>

#define ALERT_FACTS_MAX 12
#define ALERT_FILE_MAX 16384u /* bytes of one file */

/*
 * Each kind of notice has its own quota, so that a flood of one does not suppress another: an attacker could get
 * thousands of worthless clients blocked to hide the login that he stole. Notices beyond the quota are summed up in a
 * digest. They are sent in this order.
 */
enum alert_kind {
    ALERT_OF_LOGIN,   /* a login or a connector is blocked; a mailbox was disabled; a password may be guessed */
    ALERT_OF_SERVICE, /* the mirror, the state, the log */
    ALERT_DIGEST,
    ALERT_OF_CLIENT, /* a client or a network is blocked; a login fails to sign in */
    ALERT_KINDS
};
#define ALERT_PENDING_MAX 1500u /* files in all: the sum of what may wait of each kind */

struct alert_fact {
    char key[24]; /* "client": letters, digits and "_" */
    char value[160];
};

/* All texts are terminated and may hold anything: they are escaped when they are written. */
struct alert {
    enum alert_event event;
    bool digest;
    int64_t at_s;      /* wall clock */
    char subject[160]; /* whom or what it is about; event and subject name the episode */
    char summary[512]; /* a sentence */
    char advice[320];  /* what to do */
    struct alert_fact facts[ALERT_FACTS_MAX];
    unsigned n_facts;
};

enum alert_kind alert_kind(const struct alert *alert);
/* How many notices of that kind may wait in the spool, and how many an hour get a notice of their own. */
struct alert_quota {
    unsigned waiting, hourly;
};
struct alert_quota alert_quota(enum alert_kind kind);

/* Begins a notice; the formats of the sentences are the caller's. What does not fit ends with "...". */
struct alert alert_of(enum alert_event event, int64_t at_s, struct slice subject);
void alert_fact(struct alert *alert, const char *key, struct slice value); /* an empty value is left out */
void alert_fact_number(struct alert *alert, const char *key, uint64_t value);
void alert_summary(struct alert *alert, const char *format, ...) __attribute__((format(printf, 2, 3)));
void alert_advice(struct alert *alert, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How the id of a notice ends that alert_post makes: "-block-01234567", by event and subject. */
void alert_id_end(enum alert_event event, struct slice subject, char *out, size_t cap);

/* As one JSON object. */
void alert_write(const struct alert *alert, const char *id, struct buf *out);

/* Folders of the spool. */
#define ALERT_NOTICES "alerts"
/* In the same form: postern-mirror is to switch SMTP AUTH off (mirror/respond.h). The folder's owner alone may write.
 */
#define ALERT_REQUESTS "disable"
/*
 * Such a request may also be a person's: facts "act", which names the file, too, and "by" in place of the limit. What
 * became of it is in a file of that name in REQUESTS/replies before the request is gone: "done" or "failed", a line end
 * and a sentence.
 */
#define ALERT_REPLIES "replies"
#define ALERT_REPLY_MAX 2048u

/*
 * Writes it to SPOOL/FOLDER, which is created if need be; waits for the disk. 1; 0 when any process has reported the
 * same event for the same subject less than period_s before; ALERT_FULL with e when the quota of waiting notices of its
 * kind is used up; -1 with e.
 */
#define ALERT_FULL (-2)
int alert_post(const char *spool, const char *folder, const struct alert *alert, uint64_t period_s, struct error *e);

/* ---- from the mail path: a notice waits in memory until the housekeeping writes it ---- */

struct alert_queue;

/* folder: of the spool, constant text. digests: notices beyond the quota are summed up in a digest; without (requests
 * cannot be summed up) they are dropped, and retried while the folder is full. NULL without memory. */
struct alert_queue *alert_queue_new(const char *folder, bool digests);
void alert_queue_free(struct alert_queue *q);
/* Copies it; does not touch the disk. */
void alert_queue_put(struct alert_queue *q, const struct alert *alert, uint64_t period_s);
/* Posts what waits, and the digests that are due. 0, or -1 with e: what could not be posted is tried again
 * at the next call. *beyond (may be NULL) are those that were too many since the last call. */
int alert_queue_flush(struct alert_queue *q, const char *spool, int64_t wall_s, unsigned *beyond, struct error *e);

#endif
