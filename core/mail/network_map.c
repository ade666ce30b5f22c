/*
 * Building the map cuts nested networks into disjoint ranges, each with the value of the longest matching prefix, so
 * that a look-up is one binary search.
 */
#include "core/base/hash.h"
#include "core/mail/network.h"

#include <stdlib.h>

#define NO_VALUE (-1) /* outside the range of values, which are unsigned int */
#define FIRST_CAP 64
#define MOST_NETWORKS (UINT32_MAX / 4)
#define MOST_NESTED (128 + 2) /* one network for each prefix length, and the hole for IPv4 */

/* An address as two numbers, high part first. */
struct key {
    uint64_t hi, lo;
};

struct network_entry {
    struct network net;
    int64_t value;
};

struct network_map {
    /* Before building: the networks added, and a hash table of them (1 + place; 0: empty). */
    struct network_entry *entries;
    uint32_t *index;
    size_t cap; /* of entries, a power of two; index has twice as many */
    size_t n;

    /* After building: range i is from starts[i] to just before starts[i + 1]. starts[0] is ::. */
    struct key *starts;
    int64_t *values;
    size_t ranges;
};

_Static_assert(sizeof(struct network) == 17, "a network is hashed and compared as bytes: no padding");

/* ---- adding ---- */

/* The index slot where net is, or where it belongs. */
static size_t index_find(const struct network_map *map, const struct network *net)
{
    /* Networks come from the operator's own files: the key needs no secret. */
    static const struct hash_secret secret = {{0, 0}};
    size_t mask = 2 * map->cap - 1, at = hash_bytes(&secret, net, sizeof *net) & mask;

    while (map->index[at] != 0 && memcmp(&map->entries[map->index[at] - 1].net, net, sizeof *net) != 0)
        at = (at + 1) & mask;
    return at;
}

static bool network_map_grow(struct network_map *map)
{
    size_t cap = map->cap == 0 ? FIRST_CAP : 2 * map->cap;
    struct network_entry *entries;
    uint32_t *index;

    if (cap > MOST_NETWORKS)
        return false;
    entries = realloc(map->entries, cap * sizeof *entries);
    if (entries == NULL)
        return false;
    map->entries = entries;
    index = calloc(2 * cap, sizeof *index);
    if (index == NULL)
        return false;
    free(map->index);
    map->index = index;
    map->cap = cap;
    for (size_t i = 0; i < map->n; i++)
        index[index_find(map, &entries[i].net)] = (uint32_t)i + 1;
    return true;
}

struct network_map *network_map_new(void)
{
    return calloc(1, sizeof(struct network_map));
}

int network_map_add(struct network_map *map, const struct network *net, unsigned value, unsigned *value_there,
                    struct error *e)
{
    char text[NETWORK_TEXT_MAX];
    size_t at;

    if (map->starts != NULL)
        return error_set(e, "network %s comes too late: the map is built", network_text(net, text).p);
    if (map->n == map->cap && !network_map_grow(map))
        return error_set(e, "no memory for more than %zu networks", map->n);

    at = index_find(map, net);
    if (map->index[at] != 0) {
        int64_t there = map->entries[map->index[at] - 1].value;

        if (there == (int64_t)value)
            return 0;
        if (value_there != NULL)
            *value_there = (unsigned)there;
        return error_set(e, "network %s is listed twice, for different things", network_text(net, text).p);
    }
    map->entries[map->n] = (struct network_entry){*net, value};
    map->index[at] = (uint32_t)++map->n;
    return 0;
}

/* ---- building ---- */

static struct key key_of(const struct ip *a)
{
    struct key k = {0, 0};

    for (size_t i = 0; i < 8; i++) {
        k.hi = k.hi << 8 | a->b[i];
        k.lo = k.lo << 8 | a->b[i + 8];
    }
    return k;
}

static bool key_less(struct key a, struct key b)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): every range has both words */
    return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo);
}

static struct key last_key(const struct network *net)
{
    struct key k = key_of(&net->base);

    if (net->prefix < 64) {
        k.hi |= UINT64_MAX >> net->prefix;
        k.lo = UINT64_MAX;
    } else if (net->prefix < 128) {
        k.lo |= UINT64_MAX >> (net->prefix - 64);
    }
    return k;
}

/* False after the very last address. */
static bool key_next(struct key *k)
{
    k->lo++;
    if (k->lo == 0)
        k->hi++;
    return k->lo != 0 || k->hi != 0;
}

/* By base address; of those with the same base the wider network first, so that a network precedes those inside it. */
static int by_base(const void *a, const void *b)
{
    const struct network_entry *x = a, *y = b;
    int order = memcmp(x->net.base.b, y->net.base.b, sizeof x->net.base.b);

    return order != 0 ? order : (int)x->net.prefix - (int)y->net.prefix;
}

static void range_begins(struct network_map *map, struct key start, int64_t value)
{
    /* A network with the same base as the enclosing one replaces it ... */
    if (map->ranges > 0 && !key_less(map->starts[map->ranges - 1], start))
        map->ranges--;
    /* ... and adjacent ranges with one value are joined. */
    if (map->ranges > 0 && map->values[map->ranges - 1] == value)
        return;
    map->starts[map->ranges] = start;
    map->values[map->ranges] = value;
    map->ranges++;
}

/* Closes the open networks that end before `until` (NULL: all). The enclosing network continues after each. */
static size_t close_before(struct network_map *map, const struct network_entry **open, size_t depth,
                           const struct key *until)
{
    while (depth > 0) {
        struct key behind = last_key(&open[depth - 1]->net);

        if (until != NULL && !key_less(behind, *until))
            break;
        depth--;
        if (key_next(&behind))
            range_begins(map, behind, depth > 0 ? open[depth - 1]->value : NO_VALUE);
    }
    return depth;
}

static void cut_into_ranges(struct network_map *map, size_t n)
{
    const struct network_entry *open[MOST_NESTED];
    size_t depth = 0;

    range_begins(map, (struct key){0, 0}, NO_VALUE);
    for (size_t i = 0; i < n; i++) {
        struct key base = key_of(&map->entries[i].net.base);

        depth = close_before(map, open, depth, &base);
        open[depth++] = &map->entries[i];
        range_begins(map, base, map->entries[i].value);
    }
    (void)close_before(map, open, depth, NULL);
}

int network_map_build(struct network_map *map, struct error *e)
{
    static const struct network all_v4 = {.base = {{[10] = 0xff, [11] = 0xff}}, .prefix = 96};
    size_t n, most;

    if (map->starts != NULL)
        return 0;
    if (map->n == map->cap && !network_map_grow(map))
        goto no_memory;
    n = map->n;
    /* A wide IPv6 network such as ::/0 contains no IPv4 addresses, so these get a hole. */
    if (map->index[index_find(map, &all_v4)] == 0)
        map->entries[n++] = (struct network_entry){all_v4, NO_VALUE};

    most = 2 * n + 1;
    map->starts = malloc(most * sizeof *map->starts);
    map->values = malloc(most * sizeof *map->values);
    if (map->starts == NULL || map->values == NULL)
        goto no_memory;
    qsort(map->entries, n, sizeof *map->entries, by_base);
    cut_into_ranges(map, n);

    free(map->entries);
    free(map->index);
    map->entries = NULL;
    map->index = NULL;
    return 0;

no_memory:
    free(map->starts);
    free(map->values);
    map->starts = NULL;
    map->values = NULL;
    return error_set(e, "no memory to build a map of %zu networks", map->n);
}

/* ---- reading ---- */

/* The range that contains the key. */
static size_t range_of(const struct network_map *map, struct key key)
{
    size_t at = 0;

    for (size_t left = map->ranges; left > 1;) {
        size_t half = left / 2;

        if (!key_less(key, map->starts[at + half]))
            at += half;
        left -= half;
    }
    return at;
}

bool network_map_find(const struct network_map *map, const struct ip *a, unsigned *value)
{
    size_t at;

    if (map->ranges == 0)
        return false;
    at = range_of(map, key_of(a));
    if (map->values[at] == NO_VALUE)
        return false;
    *value = (unsigned)map->values[at];
    return true;
}

bool network_map_touches(const struct network_map *map, const struct network *net)
{
    struct key last = last_key(net);

    if (map->ranges == 0)
        return false;
    for (size_t at = range_of(map, key_of(&net->base)); at < map->ranges && !key_less(last, map->starts[at]); at++)
        if (map->values[at] != NO_VALUE)
            return true;
    return false;
}

size_t network_map_count(const struct network_map *map)
{
    return map->n;
}

void network_map_free(struct network_map *map)
{
    if (map == NULL)
        return;
    free(map->entries);
    free(map->index);
    free(map->starts);
    free(map->values);
    free(map);
}
