#include "cluster/recent.h"

#include <stdlib.h>

struct recent_key {
    uint64_t key, burst_ns;
};

struct recent {
    struct recent_key keys[RECENT_KEYS];
    size_t at; /* the next to tell again; RECENT_KEYS: none */
};

struct recent *recent_new(void)
{
    struct recent *r = calloc(1, sizeof *r);

    if (r != NULL)
        r->at = RECENT_KEYS;
    return r;
}

void recent_free(struct recent *r)
{
    free(r);
}

static struct recent_key *recent_place(struct recent *r, uint64_t key)
{
    return r->keys + (key & (RECENT_KEYS - 1));
}

void recent_note(struct recent *r, uint64_t key, uint64_t burst_ns)
{
    if (burst_ns != 0)
        *recent_place(r, key) = (struct recent_key){key, burst_ns};
}

void recent_forget(struct recent *r, uint64_t key)
{
    struct recent_key *place = recent_place(r, key);

    if (place->key == key)
        place->key = 0;
}

void recent_begin(struct recent *r)
{
    r->at = 0;
}

bool recent_repost(struct recent *r, struct pending *pending, const struct counters *counters, uint64_t now_ns,
                   size_t n)
{
    for (; r->at < RECENT_KEYS && n > 0; r->at++) {
        const struct recent_key *k = r->keys + r->at;

        if (k->key == 0 || counters_marked_for(counters, k->key, now_ns) == 0)
            continue;
        pending_floor(pending, k->key, OUTBOX_COUNTERS, k->burst_ns);
        n--;
    }
    return r->at < RECENT_KEYS;
}
