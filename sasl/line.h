/*
 * The lines of Dovecot's authentication protocol for clients, version 1, as far as they are read here:
 *
 *   Postfix:  AUTH id mechanism parameters [resp=...]    Dovecot:  CONT id data
 *             CONT id data                                         FAIL id parameters
 *             CANCEL id                                            OK id parameters
 *
 * and the handshake before them (VERSION, CPID; VERSION, MECH, SPID, CUID, COOKIE, DONE). Fields end at a TAB; in the
 * values of parameters NUL, SOH, TAB, CR and LF are written as SOH and a character. Sources: Dovecot's
 * Design.AuthProtocol, src/auth/auth-client-connection.c and auth-request-handler.c (2.3.19 and 2.4),
 * src/lib/strescape.c; Postfix's src/xsasl/xsasl_dovecot_server.c, which never unescapes, and reads parameters only
 * after OK and FAIL.
 *
 * What comes behind "resp=", and the data of CONT, may hold a password: it is passed on, and never looked at.
 */
#ifndef POSTERN_SASL_LINE_H
#define POSTERN_SASL_LINE_H

#include "core/mail/mechanism.h"
#include "core/mail/network.h"

/* Of a line of a mechanism with a password; names of 4 KiB fit in. */
#define LINE_MAX_SHORT ((size_t)8 * 1024)
/* The same of all others: tokens and tickets are longer. And of any line of Dovecot's. */
#define LINE_MAX_LONG ((size_t)64 * 1024)
/* Of a user's name, as it is written in an answer: escaping may double it. */
#define LINE_USER_MAX (2 * LINE_MAX_SHORT)
#define MECHANISM_MAX 20 /* RFC 4422 3.1 */

enum line_command {
    LINE_OTHER, /* is passed on */
    LINE_VERSION,
    LINE_DONE,
    LINE_AUTH,
    LINE_CONT,
    LINE_CANCEL,
    LINE_OK,
    LINE_FAIL
};

enum line_problem { LINE_FINE, LINE_HAS_NUL, LINE_BAD_ID, LINE_BAD_VERSION, LINE_BAD_MECHANISM, LINE_BAD_USER };

struct line {
    enum line_command command;
    uint32_t id;       /* of those from AUTH on; not 0 */
    struct slice rest; /* what follows the id; empty: nothing */
};

/* Reads a line, without its LF. VERSION is a problem if its major number is another than ours; minor ones don't matter.
 */
enum line_problem line_read(struct slice text, struct line *out);

struct auth_parameters {
    struct slice mechanism;
    bool has_client; /* rip */
    struct ip client;
    bool secured; /* the client's connection is encrypted */
};

/* Reads what follows the id of AUTH, as far as "resp=". */
enum line_problem line_read_auth(struct slice rest, struct auth_parameters *out);

struct answer_parameters {
    struct slice user; /* as it is written; empty: there is none */
    bool has_reason;   /* words for the client */
    bool temporary;    /* of FAIL: nobody knows whether the password was right */
};

/*
 * Reads what follows the id of OK or FAIL. Two different users are a problem: which of them a reader takes is not
 * defined. So is a name of more than LINE_USER_MAX bytes.
 */
enum line_problem line_read_answer(struct slice rest, struct answer_parameters *out);

/* Undoes the escaping of a value, into mem, which has as many bytes. */
struct slice line_unescape(struct slice value, char *mem);

/* The mechanism of an AUTH line of which maybe only the beginning is there; empty where there is none. */
struct slice line_mechanism(struct slice beginning);

#endif
