/*
 * One SMTP connection as the milter protocol shows it, and the one transaction that may be open in it. Everything that
 * came from the MTA is parsed here, once, into the submission.
 */
#ifndef POSTERN_MILTER_SESSION_H
#define POSTERN_MILTER_SESSION_H

#include "milter/milter.h"

#include <sys/socket.h>

/* Texts for the log are cut to this many bytes; parsing uses the whole text. */
#define LOGIN_TEXT_MAX 256
#define MECHANISM_TEXT_MAX 32
#define SENDER_TEXT_MAX 384
#define QUEUE_ID_MAX 64
#define INSTANCE_MAX 64 /* three numbers with dots between */

struct session {
    struct milter *milter;
    bool simulated; /* not a real connection, but local mail (below) */
    bool open;      /* between MAIL and the end of the message */
    bool data;      /* between DATA and the end of the message */
    uint64_t bytes; /* of the message, as far as it was seen */
    bool saw_body;  /* bodies come only if requested, and if not empty */
    struct submission submission;
    struct headers headers;
    struct recipients recipients;
    uint64_t messages; /* begun in this connection */
    size_t instance_n; /* length of the prefix that all instances of this session have */
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

/* MAIL. Ends an open transaction. */
void session_begin(struct session *s, const struct mail_facts *facts);
/*
 * The message is over, or never came to be. At any time.
 *
 * One that had DATA but no end was refused after us, or given up by the client; or we never see its end: if Postfix
 * passes mail to an smtpd_proxy_filter, a milter sees neither header nor end, so that nobody checks From and nothing is
 * counted here. Such a message has no queue id (smtpd.c, mail_cmd). That is logged once; other messages without an end
 * get a line each.
 */
void session_clear(struct session *s);

/* Sets the submission for the decision at RCPT. path must live until then. NULL is a bad recipient. */
void session_recipient(struct session *s, const char *path);
/* DATA: nothing is decided, but from now on the end of the message is expected. queue_id: empty if there is none. */
void session_data(struct session *s, struct slice queue_id);
void session_header(struct session *s, const char *name, const char *value);
void session_body(struct session *s, size_t bytes);
/* Sets the submission for the decision at the end of the message. */
void session_end(struct session *s);

/* The bytes of an ESMTP parameter SIZE among arguments that end with NULL (RFC 1870); 0 when there is none. */
uint64_t declared_size(char *const *arguments);

#endif
