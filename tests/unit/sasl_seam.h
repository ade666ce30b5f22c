/*
 * The engine, played by the test: who may sign in is said by login and client. Keeps the books of tickets: each that is
 * begun ends once. To be included by one file of a program.
 */
#ifndef POSTERN_TESTS_SASL_SEAM_H
#define POSTERN_TESTS_SASL_SEAM_H

#include "core/base/buf.h"
#include "core/engine/engine_auth.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SEAM_BLOCKED "192.0.2.66" /* a client that is blocked */
#define SEAM_BUSY "192.0.2.77"    /* one that waits while as many attempts as `room` are under way */
#define SEAM_BLOCKED_TEXT "5.1.8 Access denied, the client is blocked"
#define SEAM_REFUSED_TEXT "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox"
#define SEAM_FAILED_TEXT "5.7.3 Authentication unsuccessful"

struct engine {
    struct config config;
};

struct engine_session {
    struct engine *engine;
};

/* What was asked; texts of the last call. */
static struct {
    atomic_uint tried, begun, held, succeeded, failed, aborted, unavailable;
    char login[8192], mechanism[32], client[IP_TEXT_MAX];
    enum tls_version tls;
    enum login_kind kind;
    bool failures_have_words, limited;
    atomic_uint room;
} seam;

static void seam_note(const struct submission *s)
{
    struct buf login = BUF_OVER(seam.login), mechanism = BUF_OVER(seam.mechanism);

    buf_add(&login, s->login_text);
    buf_add(&mechanism, s->mechanism);
    seam.client[0] = '\0';
    if (s->has_client)
        (void)ip_text(&s->client, seam.client);
    seam.tls = s->tls;
    seam.kind = s->login.kind;
    assert(s->stage == STAGE_AUTH && s->front_end != NULL);
}

static void seam_end(struct auth_ticket *ticket)
{
    assert(ticket->hold.n == 1);
    ticket->hold.n = 0;
    seam.held--;
}

/* For a test that has seen which tickets never end: they stay counted. */
static inline void seam_keep(void)
{
    seam.begun -= seam.held;
    seam.held = 0;
}

enum auth_answer engine_auth_begin(struct engine_session *session, const struct submission *s,
                                   struct auth_ticket *ticket, struct slice *text)
{
    (void)session;
    seam_note(s);
    assert(ticket->hold.n == 0 && s->login_text.n == 0);
    *ticket = (struct auth_ticket){.hold = {.n = 0}};
    *text = SLICE("");
    if (strcmp(seam.client, SEAM_BLOCKED) == 0) {
        *text = SLICE(SEAM_BLOCKED_TEXT);
        return AUTH_REFUSE;
    }
    if (strcmp(seam.client, SEAM_BUSY) == 0 && seam.held >= seam.room)
        return AUTH_WAIT;
    ticket->hold.n = 1;
    ticket->limited = seam.limited;
    seam.begun++;
    seam.held++;
    return AUTH_PASS;
}

enum auth_answer engine_auth_try(struct engine_session *session, const struct submission *s, struct auth_ticket *ticket,
                                 struct slice *text)
{
    seam.tried++;
    return engine_auth_begin(session, s, ticket, text);
}

/* Logins that begin with "no" may not. */
enum auth_answer engine_auth_succeeded(struct engine_session *session, const struct submission *s,
                                       struct auth_ticket *ticket, struct slice *text)
{
    bool refused = slice_starts_with(s->login_text, SLICE("no"));

    (void)session;
    seam_note(s);
    seam_end(ticket);
    seam.succeeded++;
    *text = refused ? SLICE(SEAM_REFUSED_TEXT) : SLICE("");
    return refused ? AUTH_REFUSE : AUTH_PASS;
}

void engine_auth_failed(struct engine_session *session, const struct submission *s, struct auth_ticket *ticket,
                        struct slice *text)
{
    (void)session;
    seam_note(s);
    seam_end(ticket);
    seam.failed++;
    *text = seam.failures_have_words ? SLICE(SEAM_FAILED_TEXT) : SLICE("");
}

void engine_auth_aborted(struct engine_session *session, struct auth_ticket *ticket)
{
    (void)session;
    seam_end(ticket);
    seam.aborted++;
}

void engine_auth_unavailable(struct engine_session *session, const struct submission *s, struct auth_ticket *ticket)
{
    (void)session;
    seam_note(s);
    seam_end(ticket);
    seam.unavailable++;
}

#endif
