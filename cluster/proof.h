/*
 * Proofs that a relay has charged a member of a distinct count. Redis keeps them beside the member's key, and shows
 * them to the next relay that meets the member: only what is proven is charged no second time, so that a Redis that
 * says "known" of everybody gets nobody past a limit.
 *
 * A proof names the relay that made it (3 bytes of its outbox's identity), the hour by its wall clock, and the first 6
 * bytes of an HMAC-SHA256 over both and the two keys. It is good for as long as the member is remembered. With a byte
 * more Redis would need 16 more for each mark, of which there are more than of all else. Who owns Redis can try a false
 * one only as often as somebody sends from a new network, and each is counted (batch_counts.unproven).
 */
#ifndef POSTERN_CLUSTER_PROOF_H
#define POSTERN_CLUSTER_PROOF_H

#include "core/base/cluster_key.h"
#include "core/base/slice.h"

#define PROOF_BYTES 12

struct proof_of {
    uint64_t limit_key, member_key;
    uint32_t relay; /* the first four bytes of its outbox's identity, of which the last three count */
    int64_t wall_s;
};

/* 0; -1 when OpenSSL fails. */
int proof_make(const struct cluster_key *key, const struct proof_of *of, unsigned char out[PROOF_BYTES]);

/*
 * Does the text prove that another relay than `of` charged this member within the last keep_s, by our clock (an
 * hour or two more: clocks differ, and minutes are not told)?
 */
bool proof_holds(const struct cluster_key *key, const struct proof_of *of, uint64_t keep_s, struct slice text);

#endif
