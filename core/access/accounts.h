/*
 * The accounts of the web program: a file with one a line, comments as in core/base/lines.h.
 *
 *     NAME:ROLE:TENANTS:$y$...                 a password, by yescrypt (crypt(5))
 *     NAME:ROLE:TENANTS:sha256$HEX:UNTIL       a token for programs, until then (seconds since 1970; 0: always)
 */
#ifndef POSTERN_ACCESS_ACCOUNTS_H
#define POSTERN_ACCESS_ACCOUNTS_H

#include "core/access/role.h"

#include <stdint.h>

#define ACCOUNT_NAME_MAX 64u
#define ACCOUNTS_MAX 1000u

struct account {
    struct slice name;
    enum role role;
    struct slice tenants; /* a scope (role.h) */
    struct slice secret;  /* what crypt(3) made; or of a token the digest, in hex */
    bool is_token;
    int64_t until_s;   /* of a token, wall clock; 0: always */
    struct slice line; /* all of it */
};

struct accounts {
    char *text; /* which the rows point into */
    struct account *rows;
    size_t n;
};

/* Text from a file, which is kept. 0; -1 with e, which begins with path and line: then nothing is kept. */
int accounts_parse(struct slice text, const char *path, struct accounts *out, struct error *e);
/* The same of a file, which nobody but its owner and its group may open. */
int accounts_load(const char *path, struct accounts *out, struct error *e);
void accounts_free(struct accounts *accounts);

/* NULL: there is none. */
const struct account *accounts_named(const struct accounts *accounts, struct slice name);
/* The one with that token, which has not ended yet. NULL: none. */
const struct account *accounts_with_token(const struct accounts *accounts, struct slice token, int64_t now_s);

/* Letters, digits, and "._@+-" inside. */
bool account_name_is_right(struct slice name);

/* ---- secrets ---- */

#define DIGEST_BYTES 32
#define DIGEST_TEXT_MAX (2 * DIGEST_BYTES + 1)
#define TOKEN_PREFIX "postern_"
#define TOKEN_TEXT_MAX (sizeof TOKEN_PREFIX + 2 * DIGEST_BYTES)
#define PASSWORD_HASH_MAX 384 /* CRYPT_OUTPUT_SIZE of crypt(3) */
#define PASSWORD_BYTES_MAX 511u
#define PASSWORD_BYTES_MIN 12u

/* SHA-256 of some texts, one behind the other, in hex. */
void access_digest(struct slice a, struct slice b, char out[DIGEST_TEXT_MAX]);
/* 256 random bits in hex. 0, or -1 with e. */
int access_random(char out[DIGEST_TEXT_MAX], struct error *e);
/* Equal? In a time that does not depend on where they differ. */
bool access_same(struct slice a, struct slice b);

/* A new token. 0, or -1 with e. */
int token_make(char out[TOKEN_TEXT_MAX], struct error *e);

/* What is kept of a password: takes some 200 ms and 16 MiB. 0, or -1 with e. */
int password_hash(const char *password, char out[PASSWORD_HASH_MAX], struct error *e);
/* Is it the password of that hash? Takes as long, whatever the answer. */
bool password_is_right(const char *password, const char *hash);

#endif
