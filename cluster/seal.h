/*
 * What relays tell each other, sealed: Redis, and who owns it, sees neither a login nor an address, and can neither
 * make nor change any of it.
 *
 *     version 1 | context 1 | incarnation 16 | sequence 8 | ciphertext | tag 16
 *
 * AES-256-GCM; everything before the ciphertext is authenticated, too. Each start of a relay's postern-cluster is an
 * incarnation: 16 random bytes, from which a key of its own is derived, so that the sequence alone is the nonce and
 * none is ever used twice, in a cloned machine neither. A reader takes each sequence of a context once, and only
 * upwards: a record that is shown to it again is a replay.
 */
#ifndef POSTERN_CLUSTER_SEAL_H
#define POSTERN_CLUSTER_SEAL_H

#include "core/base/cluster_key.h"
#include "core/base/slice.h"

#define SEAL_VERSION 1
#define SEAL_INCARNATION_BYTES 16
#define SEAL_HEAD_BYTES (2 + SEAL_INCARNATION_BYTES + 8)
#define SEAL_TAG_BYTES 16
#define SEAL_EXTRA_BYTES (SEAL_HEAD_BYTES + SEAL_TAG_BYTES)
/* Of what is sealed. */
#define SEAL_TEXT_MAX 16384u

/* What a record is. One that is sealed as this can't be shown as that. */
enum seal_context {
    SEAL_PUSH,  /* counters that many consume from at this moment */
    SEAL_EVENT, /* blocks, lifts, resets: in the stream */
    SEAL_KEPT, /* a block or a habit as it stands, for those who come later: read any number of times, never a replay */
    SEAL_BEAT, /* heartbeats */
    SEAL_USAGE,  /* what mailboxes did at a relay: cluster/usage_record.h */
    SEAL_LOG,    /* questions for decisions, and what relays have of them */
    SEAL_HABITS, /* what was counted of habits: in a stream */
    SEAL_CONTEXTS
};

struct sealer;

/* A new incarnation. NULL with e without memory or randomness. key must outlive it. */
struct sealer *sealer_new(const struct cluster_key *key, struct error *e);
void sealer_free(struct sealer *s);
const unsigned char *sealer_incarnation(const struct sealer *s);

/* Seals text into out, which has room for SEAL_EXTRA_BYTES more than it. The record's length; 0 when OpenSSL fails, or
 * the text is longer than SEAL_TEXT_MAX. */
size_t seal(struct sealer *s, enum seal_context context, struct slice text, unsigned char *out);

struct opener;

/* Opens the records of others. NULL with e without memory. */
struct opener *opener_new(const struct cluster_key *key, const struct sealer *own, struct error *e);
void opener_free(struct opener *o);

enum opened {
    OPENED,
    OPENED_OWN,      /* our own record came back */
    OPENED_REPLAYED, /* genuine, but not newer than what was opened before */
    OPENED_NEWER,    /* of a version that this one doesn't know */
    OPENED_FALSE     /* of another key, changed, cut, or none of ours */
};
/*
 * Opens a record. *text (in the opener's memory, until the next call) is set with OPENED, OPENED_OWN and
 * OPENED_REPLAYED; incarnation, which may be NULL, points into the record.
 */
enum opened seal_open(struct opener *o, enum seal_context context, struct slice record, struct slice *text,
                      const unsigned char **incarnation);

/*
 * What was opened of a context, for a reader that goes on after a restart: without it, each record could be shown once
 * more then. What was sealed here counts as opened: the next start is another incarnation.
 */
#define SEAL_HEARD_BYTES (SEAL_INCARNATION_BYTES + 8u)
#define SEAL_HEARD_MAX 513u /* incarnations: those that are remembered, and the own one */
size_t opener_heard(const struct opener *o, enum seal_context context,
                    unsigned char out[SEAL_HEARD_MAX * SEAL_HEARD_BYTES]);
/* Takes what opener_heard wrote. 0; -1: it is not that. */
int opener_hear_on(struct opener *o, enum seal_context context, struct slice heard);

#endif
