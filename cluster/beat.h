/*
 * Heartbeats: what each relay says of itself every two seconds, sealed. From them each relay knows the others, whether
 * they are silent, and what differs. All of it goes into a file that "postern status" reads.
 *
 * A heartbeat is one JSON object: v 1; name; at (ms since 1970); started (s); state; version; numbers by name; digests
 * by name. What a reader doesn't know it leaves out.
 */
#ifndef POSTERN_CLUSTER_BEAT_H
#define POSTERN_CLUSTER_BEAT_H

#include "cluster/digests.h"
#include "cluster/seal.h"

#include <jansson.h>

#define BEAT_TEXT_MAX 2048u
#define BEAT_PEERS_MAX 256u
/* No heartbeat for so long: silent. */
#define BEAT_SILENT_S 15
/* Mirrors that run by themselves are as far apart as one run and its schedule. */
#define BEAT_SETTINGS_APART_S (2 * 3600)

/* Something is wrong, and how long it has been so. */
struct alarm {
    uint64_t since_ns; /* boot clock; 0: it is not */
    bool posted;       /* people were notified */
};

/* Another relay, or an earlier start of it. */
struct beat_peer {
    unsigned char incarnation[SEAL_INCARNATION_BYTES];
    uint64_t heard_ns; /* boot clock: when a new heartbeat was read; 0: a free place */
    int64_t at_ms;     /* its wall clock then */
    unsigned times;    /* how many were read */
    json_t *said;
    unsigned differs; /* set of 1 << enum digest_of, and BEAT_DIFFERS_DIRECTORY */
    struct alarm alarm_silent, alarm_differs;
};
#define BEAT_DIFFERS_DIRECTORY (1u << DIGESTS)

struct beats {
    struct beat_peer peers[BEAT_PEERS_MAX];
    json_t *own; /* what this relay said last; NULL: nothing yet */
};

void beats_clear(struct beats *b);

/* Takes another relay's heartbeat; one that is no such object is left out. The peer, or NULL. *before: what differed
 * when a relay of that name was heard last. */
struct beat_peer *beats_take(struct beats *b, const unsigned char *incarnation, struct slice text, uint64_t boot_ns,
                             unsigned *before);

/* Forgets a peer. */
void beats_drop(struct beat_peer *p);

/* The name of a peer or of this relay, printable; "?" if it says none. */
const char *beat_name(const json_t *said);

static inline bool beat_is_silent(const struct beat_peer *p, uint64_t boot_ns)
{
    return boot_ns - p->heard_ns > BEAT_SILENT_S * UINT64_C(1000000000);
}

/* Is it an earlier start of a relay that goes on under another incarnation? */
bool beat_is_superseded(const struct beats *b, const struct beat_peer *p, uint64_t boot_ns);

/* What differs, "limits, tenants", into mem. */
const char *beat_differences(unsigned differs, char *mem, size_t cap);

#endif
