/*
 * Proofs that a relay has charged a member of a distinct count. Redis keeps them beside the member's key, and shows
 * them to the next relay that meets the member: only what is proven is charged no second time, so that a Redis that
 * says "known" of everybody gets nobody past a limit.
 *
 * A proof names the relay that made it (its outbox's identity), the time by its wall clock, and the first 8 bytes of an
 * HMAC-SHA256 over both and the two keys. It is good for as long as the member is remembered.
 */
#ifndef POSTERN_CLUSTER_PROOF_H
#define POSTERN_CLUSTER_PROOF_H

#include "core/base/cluster_key.h"
#include "core/base/slice.h"

#define PROOF_BYTES 17

struct proof_of {
    uint64_t limit_key, member_key;
    uint32_t relay; /* the first four bytes of its outbox's identity */
    int64_t wall_s;
};

/* 0; -1 when OpenSSL fails. */
int proof_make(const struct cluster_key *key, const struct proof_of *of, unsigned char out[PROOF_BYTES]);

/*
 * Does the text prove that another relay than `of` charged this member within the last keep_s, by our clock (an
 * hour more: clocks differ)?
 */
bool proof_holds(const struct cluster_key *key, const struct proof_of *of, uint64_t keep_s, struct slice text);

#endif
