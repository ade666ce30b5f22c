/*
 * Signing in, as a front end between Postfix and the SASL server sees it: before the password is checked, and after.
 *
 * An attempt begins with engine_auth_begin, before the SASL server is asked. If that passes it, exactly one of the
 * others ends it: engine_auth_succeeded, engine_auth_failed, engine_auth_aborted or engine_auth_unavailable. Until then
 * it takes the place of a failure in the limits on failures, so that attempts at the same time cannot outrun these. The
 * ticket says what it took, and belongs to the front end; the end of the attempt gives back what is due. An attempt
 * that never ends, because its process was killed or its client broke it off while the SASL server was asked, stays
 * counted like one that failed, which runs off at the limit's rate.
 *
 * The submission is at STAGE_AUTH: client, mechanism, tls (TLS_NEWER where only the use of TLS is known), listener_tls,
 * front_end ("sasl"); and login and login_text, which are known only when the SASL server has answered. There is no
 * password in it.
 */
#ifndef POSTERN_ENGINE_AUTH_H
#define POSTERN_ENGINE_AUTH_H

#include "core/decide/failures.h"
#include "core/engine/engine.h"

enum auth_answer {
    AUTH_PASS,
    AUTH_REFUSE, /* as a wrong password is: the client is told 535, and the text */
    AUTH_WAIT    /* neither in nor out: the client is told 454, and tries again later */
};

/* All zero: nothing was taken. Valid through reloads and restarts of others; of no use to another process. */
struct auth_ticket {
    struct failures_hold hold;
    bool limited; /* limits on failures hold: the SASL server need not delay clients for theirs */
};

/* Longer texts are cut. */
#define AUTH_TEXT_MAX 200

/*
 * Before the SASL server is asked. AUTH_REFUSE only for a client or network that is blocked, since strangers must learn
 * nothing about accounts: where a tenant is familiar with the network, only an operator's block counts. AUTH_WAIT when
 * there are so many attempts at the same time that they could exceed a limit on failures, or where the operator's reply
 * only defers what is blocked. The ticket is set in each case, and holds something only with AUTH_PASS.
 *
 * *text gets the words for the client, with AUTH_REFUSE: printable ASCII without the reply's three digits, "5.1.8
 * Access denied, ...", at most AUTH_TEXT_MAX bytes; empty otherwise. Valid until the session's next call.
 */
enum auth_answer engine_auth_begin(struct engine_session *session, const struct submission *submission,
                                   struct auth_ticket *ticket, struct slice *text);

/* The same for a caller that asks again soon: that it is to wait is not logged. */
enum auth_answer engine_auth_try(struct engine_session *session, const struct submission *submission,
                                 struct auth_ticket *ticket, struct slice *text);

/*
 * The SASL server says that the password is right: may this login sign in? AUTH_PASS or AUTH_REFUSE with the text, as
 * above. Charges no limits; a refusal counts as a denial. What would be deferred passes, since at AUTH it could only be
 * refused for good, and is deferred at RCPT.
 */
enum auth_answer engine_auth_succeeded(struct engine_session *session, const struct submission *submission,
                                       struct auth_ticket *ticket, struct slice *text);

/* The SASL server refused it. Counts the failure, and may block the client or its network. *text: words for the client
 * where the SASL server gave none. */
void engine_auth_failed(struct engine_session *session, const struct submission *submission, struct auth_ticket *ticket,
                        struct slice *text);

/*
 * The client gave up ("*", or it is gone). That is no failure, and isn't logged. Only before the SASL server was given
 * what it checks: whoever could leave while the answer is delayed, as refusals are, would guess for nothing.
 */
void engine_auth_aborted(struct engine_session *session, struct auth_ticket *ticket);

/* The SASL server could not tell: "temp" in its answer, no answer in time, or it is gone. The client is told 454. That
 * is no failure of the client's; it is logged. */
void engine_auth_unavailable(struct engine_session *session, const struct submission *submission,
                             struct auth_ticket *ticket);

#endif
