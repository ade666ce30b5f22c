/*
 * The signed assertion by which an application authenticates without a password (RFC 7523, RFC 7518 3.3 and 3.5;
 * the vendor's page "certificate credentials").
 */
#ifndef POSTERN_MIRROR_JWT_H
#define POSTERN_MIRROR_JWT_H

#include "core/base/buf.h"
#include "core/base/guid.h"
#include "core/config/config.h"
#include "mirror/exchange/secret.h"

#include <openssl/evp.h>

/* A certificate and its private key. */
struct identity_key {
    EVP_PKEY *key;
    unsigned char sha1[20], sha256[32]; /* of the certificate, DER */
    int64_t not_after;                  /* wall clock, seconds */
};

/*
 * Loads PEM texts (the key from `certificate` when key->p is NULL), or PKCS#12 in `certificate`. passphrase->p NULL:
 * none. -1 with e when something is missing, when key and certificate don't match, and for keys other than RSA of 2048
 * to 16384 bits: the service accepts no others. Free with identity_key_free.
 */
int identity_key_load(const struct secret *certificate, const struct secret *key, const struct secret *passphrase,
                      struct identity_key *out, struct error *e);
void identity_key_free(struct identity_key *k);

#define JWT_LIFETIME_S 300 /* 5 minutes; the service accepts 5 to 10 */
#define JWT_MAX 8192

struct jwt_claims {
    const char *audience;   /* the token endpoint's address */
    const char *client;     /* the application's id: issuer and subject */
    int64_t now;            /* wall clock, seconds */
    char id[GUID_TEXT_MAX]; /* a GUID, new each time */
};

/* Writes the token to out, which has room for JWT_MAX bytes. 0, or -1 with e. */
int jwt_sign(const struct identity_key *k, enum jwt_algorithm algorithm, const struct jwt_claims *claims,
             struct buf *out, struct error *e);

/* Makes a random GUID (RFC 9562 5.4). False when the system gives no random numbers. */
bool guid_make(char out[GUID_TEXT_MAX]);

/* RFC 4648 5, without padding. */
void base64url_add(struct buf *b, const void *bytes, size_t n);
/* False for what is no base64url or doesn't fit; *n is the number of bytes. */
bool base64url_decode(struct slice text, unsigned char *out, size_t cap, size_t *n);

#endif
