/*
 * The engine: what both front ends share around the decision. It holds the configuration, the directory, the state, the
 * journal and the log, keeps them up to date, and turns a submission into a verdict that is charged and logged.
 *
 * One engine a program; one engine_session a thread (policyd) or lent for a callback (milter): it holds the references
 * to configuration and directory, and the memory to decide in.
 */
#ifndef POSTERN_ENGINE_H
#define POSTERN_ENGINE_H

#include "core/base/log.h"
#include "core/decide/decide.h"

struct engine;
struct engine_session;

/*
 * Reads the configuration, opens log, directory and state. program is a literal. 0; -1 with e when the program must not
 * start (bad configuration, no memory). A missing directory or unusable state is logged, not an error.
 */
int engine_open(const char *config_path, const char *program, struct engine **out, struct error *e);
void engine_close(struct engine *engine);

/* Reads the configuration again. On error the old one stays: -1 with e (not NULL), which is logged too. Any thread. */
int engine_reload(struct engine *engine, struct error *e);

/* Housekeeping, about once a second, by one thread at a time: manifest, list files, state, dropped log lines. */
void engine_tick(struct engine *engine);

/* The configuration in use when called, for settings that are read at start. Good until the next engine_reload or tick.
 */
const struct config *engine_config(const struct engine *engine);
struct log *engine_log(struct engine *engine);

/* NULL without memory. About 16 KB. A session is used by one thread at a time. */
struct engine_session *engine_session_new(struct engine *engine);
void engine_session_free(struct engine_session *session);
/* Drops the references to configuration and directory until the next decision: for sessions that may be idle for long.
 */
void engine_session_rest(struct engine_session *session);

/*
 * Decides; charges what is due; gives back the charge of a message that is refused after all; counts denials; blocks;
 * logs. recipients belongs to the message: at STAGE_RCPT a recipient that passes is added to it; the caller
 * clears it when the message is over. The verdict is valid until the session's next decision or rest.
 */
const struct verdict *engine_decide(struct engine_session *session, const struct submission *submission,
                                    struct recipients *recipients);

/*
 * Detects mail whose header nobody checks, since only the milter sees headers. The milter reports about once a second
 * that it runs (engine_milter_runs), and at MAIL, after the verdict, that it sees this message (engine_milter_sees).
 * The policy server calls engine_header_due after its verdict at the end of a message, which comes before the milter's:
 * if the milter runs and a rule applies to the header, but Postfix does not show this message, or its header, to the
 * milter (a message without a queue id goes to an smtpd_proxy_filter), it is counted, and logged once an hour.
 */
void engine_milter_runs(struct engine *engine);
void engine_milter_sees(struct engine_session *session, const struct submission *submission);
void engine_header_due(struct engine_session *session, const struct submission *submission);

#endif
