/* What another relay told of its usage, put where reports find it (core/journal/others.h). */
#ifndef POSTERN_CLUSTER_USAGE_HEARD_H
#define POSTERN_CLUSTER_USAGE_HEARD_H

#include "cluster/usage_record.h"

enum usage_heard {
    USAGE_HEARD,
    USAGE_HEARD_BEFORE, /* it was read already, or is this relay's own */
    USAGE_HEARD_NEWER,  /* of a version that this one doesn't know */
    USAGE_HEARD_FALSE   /* not what a relay tells */
};

/*
 * Within a transaction of others. own_name: this relay's; what one of that name tells is not counted once more. *asks:
 * somebody asks this relay to tell everything, having missed nothing since *from. 0 and *out; -1 with e: nothing is
 * changed, and the transaction is not open any more.
 */
int usage_hear(struct others *others, const char *own_name, struct slice text, int64_t now_s, enum usage_heard *out,
               bool *asks, struct told_place *from, struct error *e);

/* A sign of life of a relay, whether or not it tells usage. 0; -1 with e, as above. */
int usage_hear_life(struct others *others, const char *own_name, struct slice name, int64_t now_s, struct error *e);

/* The relays that are to tell everything: this relay has missed something, and they can be heard. The names lie in
 * list. */
size_t usage_find_missed(const struct others_relay *list, size_t n, int64_t now_s,
                         struct usage_asked asked[OTHERS_RELAYS_MAX]);

#endif
