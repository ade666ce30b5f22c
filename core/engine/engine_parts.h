/* What the files of core/engine share. Not for use elsewhere. */
#ifndef POSTERN_ENGINE_PARTS_H
#define POSTERN_ENGINE_PARTS_H

#include "core/engine/engine.h"
#include "core/journal/block_history.h"
#include "core/journal/journal.h"
#include "core/notice/alert.h"
#include "core/state/outbox.h"
#include "core/state/state.h"

#include <pthread.h>
#include <stdatomic.h>

#define COMPLAIN_AGAIN_NS (UINT64_C(3600) * 1000000000)
#define LISTS_AGAIN_NS (UINT64_C(60) * 1000000000)
/* How long old keys stay blocked too: the programs switch to a new generation or configuration within seconds. */
#define REKEY_NS (UINT64_C(10) * 1000000000)

/* A configuration in use, freed with its last reference. */
struct config_ref {
    struct config *config;
    atomic_uint_least64_t references;
};

struct complaint {
    char text[sizeof((struct error *)0)->text];
    struct error last;
    uint64_t told_ns;
};

/* Logins whose habit has grown, for the next notice (core/engine/engine_grown.c). */
#define GROWN_MOST 64u
struct grown_login {
    uint64_t key;     /* of its habit */
    char name[120];   /* escaped */
    const char *what; /* "messages" or "recipients" */
    uint32_t now, before;
};
struct grown_logins {
    pthread_mutex_t lock;
    struct grown_login list[GROWN_MOST];
    unsigned n;
};

struct engine {
    const char *program; /* "postern-policyd" */
    char *config_path;
    struct log *log;
    struct directory *directory;
    struct state *state;
    struct outbox *outbox;   /* NULL: there is no cluster */
    struct journal *journal; /* NULL: none is kept */
    pthread_mutex_t lock;    /* guards current */
    struct config_ref *current;
    atomic_uint_least64_t epoch; /* grows with every new configuration or generation */
    /* state time when there was last no room for a block of a client, and of a stranger; when it was last logged; 0:
     * never */
    atomic_uint_least64_t blocks_full_ns[2], blocks_full_told_ns;
    /* messages whose header nobody checked since the last log line about it, and its time (core/engine/engine_header.c)
     */
    atomic_uint_least64_t unseen, unseen_told_ns;
    struct alert_queue *alerts, *requests; /* notices and requests to the mirror that wait for the tick */
    struct grown_logins grown;
    /* the tick's own */
    struct complaint directory_trouble, alert_trouble, request_trouble, flood_trouble, outbox_trouble;
    uint64_t lists_not_before_ns, age_told_ns, alerts_looked_ns, lost_told;
    uint64_t rekeyed; /* the epoch + 1 for which the blocks were rekeyed; 0: none yet */
    const struct blocks *rekeyed_blocks;
    uint64_t rekey_ends_ns; /* boot clock: the old keys are lifted then; 0: they were */
    /* of the journal's thread */
    struct complaint journal_trouble, history_trouble;
    struct block_watch *block_watch; /* NULL: no history of blocks is kept */
};

struct engine_session {
    struct engine *engine;
    uint64_t epoch; /* the engine's + 1 when config and view were taken; 0: it holds none */
    struct config_ref *config;
    struct directory_view *view;
    struct verdict verdict;
    uint64_t asked_ns; /* boot clock: when the decision was begun */
    char line[LOG_LINE_MAX];
};

/* Takes the current configuration and directory view, if the session has older ones. */
void engine_session_renew(struct engine_session *session);

/* What a decision of this moment depends on; valid until the session is renewed or rests. */
struct decide_context engine_context(struct engine_session *session);

/* The same trouble is logged once, and again when it changes or after an hour. */
void engine_complain(struct engine *engine, struct complaint *c, const char *text);

/* Notices (core/engine/engine_alert.c): about a block, from the mail path; about stale settings; and the tick's work.
 */
void engine_alert_block(struct engine_session *session, const struct submission *s, const struct block *block,
                        uint64_t seconds);
/* A limit relative to a habit has deferred a new message: tells of what looks like an attack. Nothing is held back by
 * it. */
void engine_alert_unusual(struct engine_session *session, const struct decide_context *c, const struct submission *s);
/* A message was charged: is its login's habit much larger than eight weeks ago? Then it waits for the daily notice,
 * which the tick posts. */
void engine_note_grown(struct engine_session *session, const struct decide_context *c, const struct submission *s);
void engine_tell_grown(struct engine *engine);
/* Asks the mirror to switch SMTP AUTH of the login's mailbox off, where the tenant's exchange.writeback allows it. */
void engine_request_disable(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                            const struct limit_config *limit);
void engine_alert_stale(struct engine *engine, const struct config *config, const struct tenant_config *tenant,
                        int64_t age_s);
void engine_alert_tick(struct engine *engine, const struct config *config);

/* Signing in: tells of a success after many failures; of what is over a limit that only tells of it, or fails again and
 * again where that is spared (core/engine/engine_auth_alert.c). */
void engine_auth_look_back(struct engine_session *session, const struct decide_context *c, const struct submission *s);
void engine_alert_failing(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                          const struct limit_config *limit, bool spared);

/* The mailbox's primary address; the login itself where that is one; empty where there is no mailbox. */
struct slice engine_mailbox_of(const struct decide_context *c, const struct identity *id, struct address *primary);
/* Counts the verdict as a denial, if it is one, and blocks where that is too many. */
void engine_count_denial(struct engine_session *session, const struct decide_context *c, const struct submission *s);

/* Blocks the subject that the limit is per, and logs it; not one that never_block protects. */
void engine_block(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                  const struct limit_config *limit);

/*
 * Adds the blocks of logins under the keys that these have by this configuration and directory. lift: also removes the
 * old keys, which other programs still look up until they use the same configuration and directory.
 */
void engine_rekey_blocks(struct engine *engine, const struct decide_context *c, bool lift);

/*
 * Logs the verdict as one event (core/engine/engine_log.c has the order of the fields). mailbox: its primary address;
 * empty: none.
 */
void engine_log_verdict(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                        const struct recipients *r, struct slice mailbox);
/* The message that was charged is the first of its login: logs until when its habit is being learnt. */
void engine_log_learning(struct engine_session *session, const struct decide_context *c, const struct submission *s);
/* Leaves the verdict in the journal. charged: the message is counted by this verdict; that happens once a message. */
void engine_note_verdict(struct engine_session *session, const struct submission *s, const struct recipients *r,
                         struct slice mailbox, bool charged);

#endif
