/*
 * Whose turn it is to ask Exchange Online. Of the relays that could, one does, and the others pull what it offers: that
 * lease is held by heartbeats, which are sealed, so that who owns Redis can give it to nobody. It runs out when its
 * holder is silent, or when what it mirrors gets old.
 *
 * A directory that nobody brings up to date is worse than two relays that ask: in doubt there are two.
 */
#ifndef POSTERN_CLUSTER_TURN_H
#define POSTERN_CLUSTER_TURN_H

#include "cluster/beat.h"
#include "core/config/config.h"

/* What a heartbeat says of its relay: "mirrors". */
enum turn {
    TURN_NEVER, /* it cannot: it has no way into Exchange Online, or pulls from nobody and so mirrors in any case */
    TURN_COULD,
    TURN_HOLDS
};

/* Mirrored settings that are this old say that the holder doesn't get on: two runs and their schedule. */
#define TURN_OLD_S (2 * 3600)

struct turn_now {
    enum turn before; /* what this relay said last */
    bool could;       /* it has a way into Exchange Online, and somebody to pull from */
    bool old;         /* it has mirrored settings, and they are older than TURN_OLD_S */
    bool hears;       /* it shares with the others, and has for BEAT_SILENT_S */
    const char *name; /* its own */
    uint64_t boot_ns;
};

/*
 * Whether this relay holds the lease now. *by: who does, as far as this relay knows (NULL: nobody it hears of); lives
 * as long as the heartbeats.
 */
enum turn turn_decide(const struct turn_now *now, const struct beats *b, const char **by);

/* What the configuration says of it: can this relay mirror, and follow? */
bool turn_could(const struct config *config);

/*
 * The newest of the times at which settings of tenants were read, and the oldest of those of tenants that are mirrored
 * from Exchange Online. 0: never, or there is no directory.
 */
struct turn_times {
    int64_t newest, oldest_mirrored;
    uint64_t generation;
};
struct turn_times turn_times(const struct config *config);

/* Has some relay that is heard anything newer than these? */
bool turn_newer_elsewhere(const struct turn_times *ours, const struct beats *b, uint64_t boot_ns);

#endif
