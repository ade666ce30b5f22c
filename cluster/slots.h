/*
 * The slots of a Redis Cluster: which of its masters has which of our keys. CLUSTER SLOTS is the form of it that Redis
 * 7 and Valkey both have. Of 16384 slots only those of our hash tags matter (cluster/command.h): 256 for counters, and
 * the one of "{m}" for all else.
 */
#ifndef POSTERN_CLUSTER_SLOTS_H
#define POSTERN_CLUSTER_SLOTS_H

#include "cluster/command.h"
#include "cluster/place.h"

#define SLOTS_ALL 16384u
#define SLOTS_MASTERS_MAX 64u
#define SLOTS_NOBODY UINT8_MAX

struct slots_map {
    struct server_name masters[SLOTS_MASTERS_MAX]; /* those of our tags */
    unsigned n;
    uint8_t owners[KEY_TAGS + 1]; /* by tag, that of "{m}" first; SLOTS_NOBODY: no master that can be reached */
};

/* The slot of a hash tag. */
unsigned slots_of_tag(unsigned tag);

/* Reads the reply to CLUSTER SLOTS of the node at `asked`, which some of them mean by no host. 0; -1 with e, which says
 * what is wrong with it; then *out is of no use. */
int slots_read(const struct reply *reply, const char *asked, struct slots_map *out, struct error *e);

/* What "MOVED 3999 192.0.2.7:6379" and "ASK 3999 192.0.2.7:6379" say. */
struct slots_redirect {
    bool ask; /* only for this once */
    struct server_name to;
};
/* False: it is another error, or says no host and port. */
bool slots_redirect_read(const struct reply *reply, const char *asked, struct slots_redirect *out);

#endif
