/*
 * What all sessions of postern-milter share, and how the program stops without losing mail.
 *
 * libmilter calls back on any of its threads, and may use another one for each callback of a session, so nothing here
 * or in a session is thread-local.
 */
#ifndef POSTERN_MILTER_MILTER_H
#define POSTERN_MILTER_MILTER_H

#include "core/config/config.h"
#include "core/engine/engine.h"
#include "milter/session_pool.h"

#include <stdatomic.h>

struct milter {
    struct engine *engine;
    /* Of the listener, as read at start. */
    bool has_tls;
    struct tls_config tls;
    struct front_config front;
    atomic_bool counts_bytes; /* some limit counts bytes: bodies must be seen */
    atomic_bool closing;      /* no new transactions */
    uint64_t born_ns;         /* with the numbers of session and transaction, a unique name of the transaction */
    struct session_pool pool;
    atomic_uint_least64_t sessions; /* begun so far */
    atomic_llong complained_s;      /* when missing macros were last logged */
    atomic_bool told_of_proxy;      /* that we don't see some messages was logged */
    char apart[64];                 /* padding: keeps what messages change in another cache line than what they read */
    atomic_uint transactions;       /* between MAIL and the end of the message */
};

/* Sets up m around an engine, for what comes in at that listener. 0, or -1 without memory. */
int milter_init(struct milter *m, struct engine *engine, const struct listener_config *listener);
/* Frees what milter_init made; the engine stays. Callbacks may still come, but don't use it any more. */
void milter_destroy(struct milter *m);

/* Logs a text of ours, unless the engine is being closed: the log is the engine's. Any thread. */
void milter_say(struct milter *m, enum log_level level, const char *text);

/* Copies from the configuration what new sessions need: after the start and after each reload. */
void milter_configure(struct milter *m);

/*
 * The orderly end: no new transactions from now on, those that are open may finish for wait_ms. Then no callback gets
 * an engine session any more. False if a callback was still at it a second later; then the engine must not be closed.
 */
bool milter_drain(struct milter *m, unsigned wait_ms);

#endif
