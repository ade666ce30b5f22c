/*
 * Dovecot's authentication protocol between a SASL client (Postfix) and its server, as far as a load and a server
 * without passwords need it: the mechanism PLAIN (RFC 4616). Source: Dovecot's "Authentication Protocol", and
 * src/xsasl/xsasl_dovecot_server.c of Postfix. For load generators: what goes wrong ends the program.
 */
#ifndef POSTERN_BENCH_SASL_WIRE_H
#define POSTERN_BENCH_SASL_WIRE_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define SASL_LINE_MAX 8192
#define SASL_NAME_MAX 256 /* of a login, or a password */

/* What a server says first, and what Postfix says. */
extern const char sasl_server_greeting[];
extern const char sasl_client_greeting[];

struct sasl_attempt {
    uint32_t id;
    const char *login, *password, *client; /* client: an address */
};

/* One AUTH as Postfix sends it after STARTTLS, with its newline. */
void sasl_add_auth(struct buf *b, const struct sasl_attempt *a);

/* The login and the password of a response of PLAIN in base64. False where it is none. */
struct sasl_plain {
    char login[SASL_NAME_MAX], password[SASL_NAME_MAX];
};
bool sasl_read_plain(struct slice base64, struct sasl_plain *plain);

/* The first parameter of that name in a line's words after the id ("user=", "resp="); empty: none. */
struct slice sasl_parameter(struct slice words, struct slice name);

#endif
