/*
 * A submission: what a front end knows about one message at one moment, parsed once at the edge. Both front ends are
 * translations into this struct; the decision reads nothing else of the outside.
 *
 * Slices point into memory of the front end and are valid during one call of the decision.
 */
#ifndef POSTERN_SUBMISSION_H
#define POSTERN_SUBMISSION_H

#include "core/config/config.h"
#include "core/mail/address.h"
#include "core/mail/network.h"

/* How far the SMTP dialogue is. */
enum stage {
    STAGE_CONNECT, /* CONNECT, EHLO, HELO, VRFY, ETRN: nothing to decide yet */
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA, /* all recipients are known */
    STAGE_END   /* the whole message is known */
};

enum tls_version {
    TLS_NONE,
    TLS_OLD /* SSLv2, SSLv3 */,
    TLS_V1_0,
    TLS_V1_1,
    TLS_V1_2,
    TLS_V1_3,
    TLS_NEWER /* a name not known here */
};

/* "TLSv1.2" as in encryption_protocol and {tls_version}; empty is TLS_NONE. */
enum tls_version tls_version_parse(struct slice text);
const char *tls_version_name(enum tls_version version);

/* ---- recipients of one message ---- */

/* More different recipients than these are counted, but not told apart. Postfix's own default limit is 1000. */
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
    uint32_t kept;     /* entries in seen */
    uint32_t capacity;
    struct recipient_seen *seen; /* malloc'ed */
    char first[160];             /* the first of them, terminated, cut: stands for the message in the journal */
};

/* Forgets the recipients and frees their memory: the message is over. */
void recipients_clear(struct recipients *r);

/* ---- header addresses: From, Sender, Resent-From, Resent-Sender ---- */

enum header_field { HEADER_FROM, HEADER_SENDER, HEADER_RESENT_FROM, HEADER_RESENT_SENDER };

/* "From", "Resent-Sender". */
const char *header_field_name(enum header_field field);

struct header_address {
    enum header_field field;
    struct address address;
};

#define HEADER_BAD_TEXT_MAX 160 /* bytes of a bad field that are kept to be shown */

struct headers {
    bool seen;                   /* the front end saw the header of the message: the rules about it apply */
    bool from_possible;          /* some reader could take a field of this message for a From, be it a broken one */
    unsigned from_fields;        /* From fields in it */
    uint8_t kinds, raw_kinds;    /* which fields were there, a bit each, and which of them READING_RAW */
    const char *bad;             /* why a field cannot be read without doubt; constant text; NULL: all could */
    enum header_field bad_field; /* with bad: which one that is */
    uint16_t bad_n;              /* with bad: its value as it came, cut, without its leading blanks */
    char bad_text[HEADER_BAD_TEXT_MAX];
    struct header_address *list; /* malloc'ed */
    size_t n, capacity;
};

/*
 * Adds one header field (its name and raw value); fields that don't matter are ignored. Without memory, or with more
 * than FROM_MAX_ADDRESSES addresses in all, `bad` says so: the decision refuses or defers, nothing is forgotten. The
 * first field that is bad is the one that is told of.
 */
void headers_add(struct headers *h, struct slice name, struct slice value);
void headers_clear(struct headers *h);

/* ---- who it was before ---- */

/* A front end's memory of who its logins are (core/decide/who_cache.h): as many slots as it needs for the messages that
 * it is in the middle of. */
struct who_memory {
    struct who_slot *slots;
    size_t n; /* a power of two; 0: nothing is remembered */
};

/* ---- client certificates ---- */

#define CCERT_FINGERPRINT_MAX 128 /* hexadecimal digits of SHA-512 */
#define CCERT_SUBJECT_MAX 256

/* The certificate that the client showed, as far as the MTA told. Zero lengths: none, or not told. */
struct ccert {
    uint16_t fingerprint_n, subject_n;
    char fingerprint[CCERT_FINGERPRINT_MAX]; /* lower-case hexadecimal digits */
    char subject[CCERT_SUBJECT_MAX];         /* the CommonName of one whose issuer the MTA trusts; as written */
};

/* Hexadecimal digits, with or without colons between, into lower case: at least CCERT_FINGERPRINT_MIN of them. Returns
 * how many, 0 for anything else. */
#define CCERT_FINGERPRINT_MIN 40 /* SHA-1; MD5 is not enough to name anybody by */
size_t ccert_fingerprint_canonical(struct slice raw, char out[CCERT_FINGERPRINT_MAX]);

/* What is no fingerprint, or too long a subject, is none. */
void ccert_set_fingerprint(struct ccert *c, struct slice raw);
void ccert_set_subject(struct ccert *c, struct slice raw);
/* The subject in xtext (RFC 3461 4), as the policy protocol has it. */
void ccert_set_subject_xtext(struct ccert *c, struct slice raw);

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
    struct who_memory who;
};

/*
 * Puts what the front at the listener says in the place of what the MTA said of its own connection to the front. The
 * mechanism only where there is a login. *front must outlive the submission.
 */
void submission_take_front(struct submission *s, const struct front_config *front);

/* What somebody who signed in proved who they are by. */
enum proof {
    PROOF_PASSWORD, /* sent, or proved to be known: what Exchange Online calls Basic authentication */
    PROOF_TOKEN,    /* of OAuth 2.0 (RFC 7628) */
    PROOF_OTHER     /* a Kerberos ticket, a client certificate */
};

/* By the SASL mechanism's name; case doesn't matter. One that is not known here, or not told, counts as a password. */
enum proof mechanism_proof(struct slice mechanism);
static inline bool mechanism_is_basic(struct slice mechanism)
{
    return mechanism_proof(mechanism) == PROOF_PASSWORD;
}

#endif
