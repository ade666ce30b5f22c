/*
 * The Sentinels, which know where the master is. All of them are asked each second: the master is where most of those
 * say that it is who replied lately. So one that is down, cut off or lies changes nothing, and a failover is noticed
 * while the old master hangs, or goes on for those who still reach it.
 */
#ifndef POSTERN_CLUSTER_SENTINELS_H
#define POSTERN_CLUSTER_SENTINELS_H

#include "cluster/place.h"

/* An answer counts for so long. */
#define SENTINEL_FRESH_S 5

struct sentinels;

struct sentinels_handlers {
    /* The master is there now. `name` stays until the next call. */
    void (*found)(void *arg, const struct server_name *name);
    /* A Sentinel's trouble, once until it replies again. */
    void (*trouble)(void *arg, const char *sentinel, const char *why);
};

/* `as`: as whom to sign in. Texts and config outlive it. NULL without memory. */
struct sentinels *sentinels_new(struct event_base *base, const struct cluster_config *config,
                                const struct link_place *as, const struct sentinels_handlers *handlers, void *arg);
/* NULL is fine. */
void sentinels_free(struct sentinels *s);

/* There is no master at the place that was found last: where votes are equal, another one comes first. */
void sentinels_failed(struct sentinels *s);

/* ---- what it is made of ---- */

/* The reply to SENTINEL get-master-addr-by-name. False: it is none. */
bool sentinel_reply_read(const struct reply *reply, struct server_name *out);

/* The place that most name. Of those with as many votes: not `failed`, if another can be had; then `now`; then the
 * first. NULL: none of them names one. Names without a host count for nothing. */
const struct server_name *sentinel_votes(const struct server_name *const *says, size_t n, const struct server_name *now,
                                         const struct server_name *failed);

#endif
