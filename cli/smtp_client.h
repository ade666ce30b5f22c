/*
 * One message handed to a mail server, for "postern test-message": by libcurl, and step by step, so that it can be said
 * at which one it ended.
 *
 * A secret is never sent without TLS, and TLS always means a certificate that is verified.
 */
#ifndef POSTERN_CLI_SMTP_CLIENT_H
#define POSTERN_CLI_SMTP_CLIENT_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum smtp_step {
    SMTP_CONNECT,
    SMTP_GREETING,
    SMTP_HELLO,
    SMTP_STARTTLS,
    SMTP_TLS, /* the handshake */
    SMTP_CERTIFICATE,
    SMTP_AUTH,
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
    SMTP_END, /* the message itself, and the reply to it */
    SMTP_STEPS
};
/* "greeting", "STARTTLS" ... */
const char *smtp_step_name(enum smtp_step step);

#define SMTP_RECIPIENTS_MAX 20u

/* Texts are terminated and belong to the caller; NULL: not given. */
struct smtp_job {
    const char *host; /* a name or an address */
    unsigned port;
    const char *name;                    /* in the certificate */
    const char *ca_file;                 /* in place of the system's certificates */
    const char *from_ip;                 /* the address of this machine to connect from */
    bool implicit_tls;                   /* from the first byte, as on port 465 (RFC 8314, 3.3); else by STARTTLS */
    unsigned timeout_s;                  /* the longest wait for each reply */
    const char *login, *secret, *method; /* without a login, TLS is used where it is offered */
    bool token;                          /* the secret is an OAuth access token */
    const char *sender;
    const char *recipients[SMTP_RECIPIENTS_MAX];
    size_t n_recipients;
    struct slice text; /* of the message, lines ended by CRLF */
};

#define SMTP_REPLY_MAX 512

/* Texts are terminated. Those of the server may hold anything: escape them before showing. */
struct smtp_outcome {
    bool accepted;
    enum smtp_step step; /* the last one that was reached */
    unsigned code;       /* of the reply that ended it, or that accepted the message; 0: none came */
    bool timed_out;
    char why[SMTP_REPLY_MAX]; /* what went wrong, where that was no reply */
    bool reached[SMTP_STEPS];
    char reply[SMTP_STEPS][SMTP_REPLY_MAX]; /* the last one at that step, lines joined by a blank */
    char tls[48];                           /* "TLSv1.3 / TLS_AES_256_GCM_SHA384"; empty: none */
    char offered[160];                      /* the mechanisms of AUTH that the server offers, after TLS */
    char mechanism[24];                     /* the one that was used */
    char client[64];                        /* the address that the connection came from */
};

/* 0 with *out, whatever the server said; -1 with e when it could not even be tried. */
int smtp_send(const struct smtp_job *job, struct smtp_outcome *out, struct error *e);

#endif
