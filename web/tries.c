#include "web/tries.h"

#include "core/base/clock.h"
#include "core/base/hash.h"

#include <stdlib.h>
#include <sys/random.h>

#define EACH_NS (TRIES_PERIOD_S * NS_PER_S / TRIES_MOST)
#define TOLERANCE_NS (EACH_NS * (TRIES_MOST - 1))

struct place {
    uint64_t key;     /* 0: free */
    uint64_t free_ns; /* the theoretical arrival time: from then on nothing is used */
};

struct tries {
    struct hash_secret secret;
    struct place places[TRIES_PLACES];
};

struct tries *tries_new(void)
{
    struct tries *tries = calloc(1, sizeof *tries);

    if (tries != NULL && getrandom(&tries->secret, sizeof tries->secret, 0) == (ssize_t)sizeof tries->secret)
        return tries;
    free(tries);
    return NULL;
}

void tries_free(struct tries *tries)
{
    free(tries);
}

static uint64_t key_of(const struct tries *tries, const char *kind, struct slice name)
{
    return hash_mix(hash_slice(&tries->secret, slice_of(kind)), hash_slice(&tries->secret, name)) | 1;
}

static struct place *find(struct tries *tries, uint64_t key)
{
    for (size_t i = 0; i < TRIES_PLACES; i++)
        if (tries->places[i].key == key)
            return &tries->places[i];
    return NULL;
}

/* The one that has used least gives way. */
static struct place *make_room(struct tries *tries, uint64_t key)
{
    struct place *least = &tries->places[0];

    for (size_t i = 1; i < TRIES_PLACES; i++)
        if (tries->places[i].free_ns < least->free_ns)
            least = &tries->places[i];
    *least = (struct place){.key = key};
    return least;
}

unsigned tries_take(struct tries *tries, const char *kind, struct slice name, uint64_t now_ns)
{
    uint64_t key = key_of(tries, kind, name);
    struct place *place = find(tries, key);

    if (place == NULL)
        place = make_room(tries, key);
    if (place->free_ns > now_ns + TOLERANCE_NS)
        return (unsigned)((place->free_ns - now_ns - TOLERANCE_NS + NS_PER_S - 1) / NS_PER_S);
    place->free_ns = (place->free_ns > now_ns ? place->free_ns : now_ns) + EACH_NS;
    return 0;
}

void tries_return(struct tries *tries, const char *kind, struct slice name)
{
    struct place *place = find(tries, key_of(tries, kind, name));

    if (place != NULL)
        place->free_ns = place->free_ns > EACH_NS ? place->free_ns - EACH_NS : 0;
}
