/*
 * One SMTP connection as the milter protocol shows it, and the one transaction that may be open in it. Everything that
 * came from the MTA is parsed here, once, into the submission.
 */
#ifndef POSTERN_MILTER_SESSION_H
#define POSTERN_MILTER_SESSION_H

#include "milter/milter.h"

#include <sys/socket.h>

/* Texts for the log are kept up to these bytes; what is parsed is parsed whole. */
#define LOGIN_TEXT_MAX 256
#define MECHANISM_TEXT_MAX 32
#define SENDER_TEXT_MAX 384
#define QUEUE_ID_MAX 64
#define INSTANCE_MAX 64 /* three numbers with dots between */

struct session {
    struct milter *milter;
    bool simulated; /* the MTA plays a connection that never was: mail of its own host (below) */
    bool open;      /* between MAIL and the end of the message */
    bool data;      /* DATA was said, and the end of the message has not come yet */
    uint64_t bytes; /* of the message, as far as it was seen */
    bool saw_body;  /* bodies come in only where they were asked for, and not where they are empty */
    struct submission submission;
    struct headers headers;
    struct recipients recipients;
    uint64_t messages; /* begun in this connection */
    size_t instance_n; /* of instance: what all of them begin with */
    char instance[INSTANCE_MAX];
    char queue_id[QUEUE_ID_MAX]; /* at DATA, for the log; terminated */
    char login_text[LOGIN_TEXT_MAX], mechanism[MECHANISM_TEXT_MAX], sender_text[SENDER_TEXT_MAX];
};

/* What MAIL brings. Every text may be NULL: the MTA did not say. */
struct mail_facts {
    const char *path;        /* the first argument: "<sean@contoso.example>" */
    const char *login;       /* {auth_authen} */
    bool login_in_xtext;     /* and how it is written */
    const char *mechanism;   /* {auth_type} */
    const char *tls_version; /* {tls_version} */
    const char *client;      /* {client_addr} */
    const char *ccert;       /* the CommonName of the client's certificate, if the MTA trusts its issuer */
    uint64_t size;           /* SIZE=; 0: not declared */
};

/*
 * A connection. address may be NULL or of any family. NULL without memory.
 *
 * A simulated connection is what Postfix makes of mail from its sendmail command (non_smtpd_milters): localhost, a
 * loopback address, and port 0, which no TCP client has (cleanup_milter.c). Nothing is decided there, since a refused
 * recipient would leave the mail in the queue with a configuration error (MILTER_README, "Non-SMTP").
 */
struct session *session_new(struct milter *milter, const char *hostname, const struct sockaddr *address);
/* Ends the open transaction too. NULL is fine. */
void session_free(struct session *s);

/* MAIL. Whatever was open is forgotten. */
void session_begin(struct session *s, const struct mail_facts *facts);
/*
 * The message is over, or never came to be. At any time.
 *
 * One that got as far as DATA and has no end was refused behind us or given up by the client, as it may be; or it goes
 * by us. Where Postfix hands mail to an smtpd_proxy_filter, a milter sees neither header nor end, so that nobody judges
 * From and nothing is counted here. Such a message has no queue id (smtpd.c, mail_cmd). That is logged once; of others
 * without an end a line each.
 */
void session_clear(struct session *s);

/* Sets the submission for the question at RCPT. path must live until the answer. NULL is a bad recipient. */
void session_recipient(struct session *s, const char *path);
/* DATA: nothing is decided, but from now on the end of the message is due. queue_id: empty, where there is none. */
void session_data(struct session *s, struct slice queue_id);
void session_header(struct session *s, const char *name, const char *value);
void session_body(struct session *s, size_t bytes);
/* Sets the submission for the question at the end of the message. */
void session_end(struct session *s);

/* The bytes of an ESMTP parameter SIZE among arguments that end with NULL (RFC 1870); 0 when there is none. */
uint64_t declared_size(char *const *arguments);

#endif
