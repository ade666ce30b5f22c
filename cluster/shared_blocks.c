#include "cluster/shared_blocks.h"

#include "cluster/block_text.h"
#include "core/base/clock.h"

#include <stdlib.h>

/* Ends that are closer than this are the same: a duration that was told is rounded, and some time under way. */
#define SAME_END_NS (2 * NS_PER_S)
#define LIFTS_KEPT_NS (24 * 3600 * NS_PER_S)
#define LIFTS_MAX 4096u

/* What the others know of a key. */
struct shared_block {
    uint64_t key;       /* 0: a free place */
    uint64_t until_ns;  /* 0: not blocked */
    uint64_t origin_ms; /* when that block began */
    uint64_t lifted_ms; /* blocks that began until then were lifted; 0: none */
    uint64_t lifted_ns; /* when we learned of that; state time */
    uint32_t round;     /* of the look that saw it last */
};

struct shared_blocks {
    struct shared_block *places;
    uint32_t mask;
    uint32_t used, most_used;
    uint32_t lifts;
    uint32_t round;
};

static uint32_t power_above(uint64_t n)
{
    uint32_t power = 1024;

    while (power < n && power < UINT32_C(1) << 24)
        power *= 2;
    return power;
}

struct shared_blocks *shared_blocks_new(uint32_t most)
{
    struct shared_blocks *s = calloc(1, sizeof *s);
    uint32_t places = power_above(((uint64_t)most + LIFTS_MAX) * 2);

    if (s == NULL || (s->places = calloc(places, sizeof *s->places)) == NULL) {
        free(s);
        return NULL;
    }
    s->mask = places - 1;
    s->most_used = places / 4 * 3;
    return s;
}

void shared_blocks_free(struct shared_blocks *s)
{
    if (s == NULL)
        return;
    free(s->places);
    free(s);
}

static struct shared_block *shared_find(struct shared_blocks *s, uint64_t key)
{
    uint32_t at = (uint32_t)(key ^ key >> 32) & s->mask;

    while (s->places[at].key != 0 && s->places[at].key != key)
        at = (at + 1) & s->mask;
    return s->places + at;
}

/* The key's place; NULL: there is no room. */
static struct shared_block *shared_place(struct shared_blocks *s, uint64_t key)
{
    struct shared_block *place = shared_find(s, key);

    if (place->key == key)
        return place;
    if (s->used >= s->most_used)
        return NULL;
    s->used++;
    *place = (struct shared_block){.key = key};
    return place;
}

/* Without what is over: neither blocked nor lifted lately. */
static void tidy(struct shared_blocks *s, uint64_t now_ns)
{
    struct shared_block *old = s->places, *places = calloc((size_t)s->mask + 1, sizeof *places);

    if (places == NULL)
        return; /* it stays as it is, and may be full for a while */
    s->places = places;
    s->used = s->lifts = 0;
    for (uint32_t i = 0; i <= s->mask; i++) {
        bool lifted = old[i].lifted_ms != 0 && now_ns - old[i].lifted_ns < LIFTS_KEPT_NS;

        if (old[i].key == 0 || (old[i].until_ns == 0 && !lifted))
            continue;
        *shared_find(s, old[i].key) = old[i];
        s->used++;
        s->lifts += lifted;
    }
    free(old);
}

/* ---- what changed here ---- */

static uint64_t origin_of(const struct block *block, const struct shared_block *known, const struct moment *at)
{
    uint64_t age_ms = at->now_ns > block->from_ns ? (at->now_ns - block->from_ns) / NS_PER_MS : 0;
    uint64_t origin_ms = at->wall_ms > age_ms ? at->wall_ms - age_ms : 1;

    /* It stands although it was lifted before: so it is a later one, whatever our clock says. */
    return origin_ms > known->lifted_ms ? origin_ms : known->lifted_ms + 1;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool tell_block(struct shared_block *known, const struct block *block, const struct moment *at,
                       struct events *events)
{
    unsigned char text[BLOCK_TEXT_MAX];
    uint64_t origin_ms = origin_of(block, known, at);
    size_t n = block_text_write(block, origin_ms, at->now_ns, text);

    if (!events_have_room(events) ||
        !events_add(events, EVENT_BLOCK, at->wall_ms, (struct slice){(const char *)text, n}))
        return false;
    known->until_ns = block->until_ns;
    known->origin_ms = origin_ms;
    return true;
}

static bool remember_lift(struct shared_blocks *s, struct shared_block *known, uint64_t until_ms,
                          const struct moment *at)
{
    known->until_ns = 0;
    if (until_ms <= known->lifted_ms)
        return true;
    if (known->lifted_ms == 0 && s->lifts >= LIFTS_MAX)
        return false;
    s->lifts += known->lifted_ms == 0;
    known->lifted_ms = until_ms;
    known->lifted_ns = at->now_ns;
    return true;
}

/*
 * A block that is gone before its end is not a lift: a file that was damaged, replaced or made anew has lost them, too,
 * and that must unblock nobody. Lifts are told by who makes them.
 */
bool shared_blocks_look(struct shared_blocks *s, const struct blocks *blocks, const struct moment *at,
                        struct events *events)
{
    struct shared_block *known;
    struct block block;

    s->round++;
    for (uint32_t i = 0; blocks_next(blocks, &i, at->now_ns, &block);) {
        if ((known = shared_place(s, block.key)) == NULL)
            continue;
        known->round = s->round;
        if (block.until_ns > known->until_ns && !tell_block(known, &block, at, events))
            return false; /* those that are not looked at are not gone */
    }
    for (uint32_t i = 0; i <= s->mask; i++)
        if (s->places[i].key != 0 && s->places[i].round != s->round)
            s->places[i].until_ns = 0;
    if (s->used >= s->most_used / 2)
        tidy(s, at->now_ns);
    return true;
}

void shared_blocks_repost(struct shared_blocks *s)
{
    for (uint32_t i = 0; i <= s->mask; i++)
        s->places[i].until_ns = 0;
}

/* ---- what others tell ---- */

enum taken_block shared_blocks_take(struct shared_blocks *s, struct blocks *blocks, const struct block *block,
                                    uint64_t origin_ms, const struct moment *at, struct error *e)
{
    struct shared_block *known = shared_place(s, block->key);
    uint64_t until_ns;

    if (known != NULL && known->lifted_ms != 0 && origin_ms <= known->lifted_ms)
        return BLOCK_LIFTED;
    if (known != NULL) {
        known->until_ns = later(known->until_ns, block->until_ns);
        known->origin_ms = later(known->origin_ms, origin_ms);
        known->round = s->round;
    }
    if (blocks_find(blocks, block->key, at->now_ns, &until_ns) &&
        (until_ns >= block->until_ns || block->until_ns - until_ns < SAME_END_NS))
        return BLOCK_KNOWN;
    if (blocks_add(blocks, block, at->now_ns, e) == 0)
        return BLOCK_TAKEN;
    if (known != NULL)
        known->until_ns = 0;
    return BLOCK_NOT_TAKEN;
}

/* When the block in this relay's table began; 0: there is none. A walk over the table, for lifts. */
static uint64_t local_origin(const struct blocks *blocks, uint64_t key, const struct shared_block *known,
                             const struct moment *at)
{
    uint64_t until_ns;
    struct block block;

    if (!blocks_find(blocks, key, at->now_ns, &until_ns))
        return 0;
    for (uint32_t i = 0; blocks_next(blocks, &i, at->now_ns, &block);)
        if (block.key == key)
            return origin_of(&block, known, at);
    return 0;
}

bool shared_blocks_lift(struct shared_blocks *s, struct blocks *blocks, uint64_t key, uint64_t until_ms,
                        const struct moment *at)
{
    const struct shared_block nothing = {.key = key};
    struct shared_block *known = shared_place(s, key);
    uint64_t origin_ms = known != NULL && known->until_ns != 0
                             ? known->origin_ms
                             : local_origin(blocks, key, known != NULL ? known : &nothing, at);

    if (origin_ms > until_ms)
        return false; /* a later block: it stands */
    if (known != NULL)
        (void)remember_lift(s, known, until_ms, at);
    return blocks_lift(blocks, key, at->now_ns);
}

uint64_t shared_blocks_lifted_here(struct shared_blocks *s, const struct blocks *blocks, uint64_t key,
                                   const struct moment *at)
{
    const struct shared_block nothing = {.key = key};
    struct shared_block *known = shared_place(s, key);
    uint64_t origin_ms = local_origin(blocks, key, known != NULL ? known : &nothing, at);
    uint64_t until_ms = origin_ms != 0 && origin_ms <= at->wall_ms ? origin_ms - 1 : at->wall_ms;

    /* What was lifted may be of a relay whose clock is ahead of ours. */
    if (origin_ms == 0 && known != NULL)
        until_ms = later(until_ms, known->origin_ms);
    if (known != NULL)
        (void)remember_lift(s, known, until_ms, at);
    return until_ms;
}
