/*
 * A submission: what a front end knows about one message at one stage, parsed once at the edge. Both front ends
 * translate into this struct; the decision has no other input from outside.
 *
 * Slices point into memory of the front end and are valid during one call of the decision.
 */
#ifndef POSTERN_SUBMISSION_H
#define POSTERN_SUBMISSION_H

#include "core/mail/address.h"
#include "core/mail/ccert.h"
#include "core/mail/headers.h"
#include "core/mail/mechanism.h"
#include "core/mail/network.h"
#include "core/mail/stage.h"
#include "core/mail/tls_version.h"

struct front_config;
struct tls_config;

/* ---- recipients of one message ---- */

/* More recipients than these are counted, but not told apart. Postfix's own default limit is 1000. */
#define RECIPIENTS_KEPT_MAX 1024

struct recipient_seen {
    uint64_t address; /* hashes, seeded with the state's secret */
    uint64_t domain;
    uint64_t asked; /* how often it was asked about: the MTA may list the service several times, and a client may name a
                       recipient twice */
};

/*
 * The recipients of one message that were let through so far, each counted once however often it was asked about. Owned
 * by the front end; all zero is empty. The MTA may refuse some of them afterwards.
 */
struct recipients {
    uint32_t n;        /* let through */
    uint32_t external; /* of these */
    uint32_t asked;    /* questions about them: at least n */
    uint32_t repeated; /* questions that passed because the message was deferred before */
    uint64_t declared; /* the size that the message was said to have then */
    uint32_t kept;     /* entries in seen */
    uint32_t capacity;
    struct recipient_seen *seen; /* malloc'ed */
    char first[160];             /* the first of them, terminated, cut: stands for the message in the journal */
};

/* Forgets the recipients and frees their memory: the message is over. */
void recipients_clear(struct recipients *r);

/* ---- the whole ---- */

struct submission {
    enum stage stage;
    struct slice login_text; /* as the SASL server said it */
    struct login login;
    struct slice mechanism; /* "PLAIN", "xoauth2" */
    bool has_client;
    struct ip client;
    enum tls_version tls;
    struct ccert ccert;
    const struct tls_config *listener_tls; /* the listener's own rule; NULL: the general one */
    enum address_result sender_result;     /* STAGE_MAIL and later */
    struct slice sender_text;
    struct address sender;
    bool has_recipient; /* STAGE_RCPT: the recipient in question; later: the only one, where the front end knows it */
    enum address_result recipient_result;
    struct slice recipient_text;
    struct address recipient;
    uint32_t recipient_count;      /* STAGE_DATA, STAGE_END: as the MTA counts them; 0: it didn't say */
    uint64_t size;                 /* bytes: declared, at STAGE_END real; 0: unknown */
    bool size_is_part;             /* size is only what was seen of the message: it has more */
    const struct headers *headers; /* NULL, or not seen: no header rules */
    struct slice queue_id;         /* empty: not known yet */
    struct slice instance;         /* constant for one message; empty: none */
    const char *front_end;         /* "policyd", "milter": for the log */
};

/*
 * Replaces the TLS version and mechanism that the MTA reported, which are those of its own connection to the front, by
 * what is configured for the front. The mechanism only if there is a login. *front must outlive the submission.
 */
void submission_take_front(struct submission *s, const struct front_config *front);

#endif
