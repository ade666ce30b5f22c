/* What engine.c (the parts) and engine_decide.c (the work) share. Not for use elsewhere. */
#ifndef POSTERN_ENGINE_PARTS_H
#define POSTERN_ENGINE_PARTS_H

#include "core/engine/engine.h"
#include "core/journal/journal.h"
#include "core/notice/alert.h"
#include "core/state/state.h"

#include <pthread.h>
#include <stdatomic.h>

#define COMPLAIN_AGAIN_NS (UINT64_C(3600) * 1000000000)
#define LISTS_AGAIN_NS (UINT64_C(60) * 1000000000)
/* Programs take a new generation or configuration within a second or two of each other. */
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

struct engine {
    char *config_path;
    struct log *log;
    struct directory *directory;
    struct state *state;
    struct journal *journal; /* NULL: none is kept */
    pthread_mutex_t lock;    /* guards current */
    struct config_ref *current;
    atomic_uint_least64_t epoch; /* grows with every new configuration or generation */
    /* state time of the last block of a client, and of a stranger, without room; of the last one told of. 0: none */
    atomic_uint_least64_t blocks_full_ns[2], blocks_full_told_ns;
    /* messages whose header nobody judged, since that was last told, and when that was (core/engine/engine_header.c) */
    atomic_uint_least64_t unseen, unseen_told_ns;
    struct alert_queue *alerts, *requests; /* notices and requests to the mirror that wait for the tick */
    /* the tick's own */
    struct complaint directory_trouble, journal_trouble, alert_trouble, request_trouble, flood_trouble;
    uint64_t lists_not_before_ns, age_told_ns, alerts_looked_ns, lost_told;
    uint64_t rekeyed; /* the epoch + 1 whose names the blocks stand on; 0: none yet */
    const struct blocks *rekeyed_blocks;
    uint64_t rekey_ends_ns; /* boot clock: the old keys are lifted then; 0: they were */
};

struct engine_session {
    struct engine *engine;
    uint64_t epoch; /* engine's + 1 when config and view were taken; 0: rested */
    struct config_ref *config;
    struct directory_view *view;
    struct verdict verdict;
    char line[LOG_LINE_MAX];
};

/* Takes configuration and directory view of the moment. */
void engine_session_renew(struct engine_session *session);

/* The same trouble is logged once, and again when it changes or after an hour. */
void engine_complain(struct engine *engine, struct complaint *c, const char *text);

/* Notices (core/engine/engine_alert.c): of a block, from the mail path; of old settings; and the tick's round. */
void engine_alert_block(struct engine_session *session, const struct submission *s, const struct block *block,
                        uint64_t seconds);
/* Asks the mirror to switch SMTP AUTH of the login's mailbox off, where the tenant's exchange.writeback allows it. */
void engine_request_disable(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                            const struct limit_config *limit);
void engine_alert_stale(struct engine *engine, const struct config *config, const struct tenant_config *tenant,
                        int64_t age_s);
void engine_alert_tick(struct engine *engine, const struct config *config);

/* Blocks what the limit is per, and says so in the log; not whom never_block protects. */
void engine_block(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                  const struct limit_config *limit);

/*
 * Puts the blocks of logins on the keys that these have by this configuration and directory. lift: takes them off the
 * old keys too, which other programs ask for until they use the same.
 */
void engine_rekey_blocks(struct engine *engine, const struct decide_context *c, bool lift);

/*
 * Logs the verdict as one event (core/engine/engine_log.c has the order of the fields). mailbox: its primary address;
 * empty: none.
 */
void engine_log_verdict(struct engine_session *session, const struct submission *s, const struct recipients *r,
                        struct slice mailbox);
/* Leaves the verdict in the journal. charged: this is the message's one time of being counted. */
void engine_note_verdict(struct engine_session *session, const struct submission *s, const struct recipients *r,
                         struct slice mailbox, bool charged);

#endif
