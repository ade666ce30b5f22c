/*
 * The cluster's key: 32 bytes in one file, the same on all relays. The first 16 are the secret of the state's keyed
 * hashes, so that the relay on which the cluster began loses nothing; the others are random. Keys for sealing and for
 * proofs are derived from all of them (HKDF, RFC 5869, with SHA-256).
 *
 * The file holds 64 hexadecimal digits and a line feed, and is for its owner alone.
 */
#ifndef POSTERN_CLUSTER_KEY_H
#define POSTERN_CLUSTER_KEY_H

#include "core/base/error.h"
#include "core/base/hash.h"

#define CLUSTER_KEY_BYTES 32
#define CLUSTER_DERIVED_BYTES 32
#define CLUSTER_CHECK_DIGITS 16

struct cluster_key {
    struct hash_secret hash;
    unsigned char sealing[CLUSTER_DERIVED_BYTES];  /* from it come the keys of each incarnation: cluster/seal.h */
    unsigned char proving[CLUSTER_DERIVED_BYTES];  /* cluster/proof.h */
    unsigned char offering[CLUSTER_DERIVED_BYTES]; /* mirror/offer_text.h */
    unsigned char pulling[CLUSTER_DERIVED_BYTES];  /* what a relay shows to the web server that it pulls from */
    char check[CLUSTER_CHECK_DIGITS + 1]; /* tells whether two relays have the same key; reveals nothing of it */
};

/* A new key around the secret of a state. 0; -1 with e without randomness. */
int cluster_key_make(const struct hash_secret *hash, unsigned char bytes[CLUSTER_KEY_BYTES], struct error *e);

/* 0; -1 with e when OpenSSL fails. */
int cluster_key_derive(const unsigned char bytes[CLUSTER_KEY_BYTES], struct cluster_key *out, struct error *e);

/* HKDF of a key for one purpose, and some bytes that make it another key. 0; -1 with e. */
int cluster_key_expand(const unsigned char *key, size_t key_n, const char *purpose, const unsigned char *salt,
                       size_t salt_n, unsigned char out[CLUSTER_DERIVED_BYTES], struct error *e);

/* Reads and derives. 0; -1 with e, which names the file and never a digit of it. */
int cluster_key_read(const char *path, struct cluster_key *out, struct error *e);

/* Writes a new file (0600), and to the disk. 0; -1 with e: an existing file is never replaced. */
int cluster_key_write(const char *path, const unsigned char bytes[CLUSTER_KEY_BYTES], struct error *e);

#endif
