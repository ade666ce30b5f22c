#include "core/state/state_clock.h"

#include "core/base/clock.h"
#include "core/state/counters.h"
#include "core/state/state.h"

#define SEAL_BITS 24
#define SEAL_MASK ((UINT64_C(1) << SEAL_BITS) - 1)
#define SMALL_MASK (UINT64_MAX >> SEAL_BITS)
/* Readings of the boot clock by different processes arrive in any order; this much backwards is no reboot. */
#define DISORDER_NS (60 * NS_PER_S)
/* State time stays below this (292 years), so that no sum with a window can wrap round. */
#define TIME_MAX (UINT64_MAX / 2)

/*
 * A 64-bit and a 40-bit number. The seal detects damage; it is no protection against a process that may write to the
 * file.
 */
static union pair sealed(const struct hash_secret *secret, uint64_t big, uint64_t small)
{
    uint64_t text[2] = {big, small & SMALL_MASK};

    return pair_of(big, text[1] << SEAL_BITS | (hash_bytes(secret, text, sizeof text) & SEAL_MASK));
}

static bool unsealed(const struct hash_secret *secret, const union pair *at, uint64_t *big, uint64_t *small)
{
    union pair seen = pair_read(at);

    *big = seen.key;
    *small = seen.value >> SEAL_BITS;
    return sealed(secret, *big, *small).both == seen.both;
}

static uint64_t short_boot_id(uint64_t id)
{
    return (id ^ id >> 40) & SMALL_MASK;
}

uint64_t state_clock_begin(const struct clock_reading *r)
{
    return COUNTERS_LONGEST_WINDOW_NS - r->boot_ns;
}

void state_clock_set(struct state_clock *c, const struct hash_secret *secret, uint64_t offset,
                     const struct clock_reading *r)
{
    pair_write(&c->noted, sealed(secret, r->boot_ns + offset, r->wall_ns / NS_PER_S));
    pair_write(&c->offset, sealed(secret, offset, short_boot_id(r->boot_id)));
}

/* Time since the note by the wall clock; rounded down. */
static uint64_t passed_ns(uint64_t noted_wall_s, uint64_t wall_ns)
{
    uint64_t wall_s = wall_ns / NS_PER_S;

    if (wall_s <= noted_wall_s)
        return 0;
    if (wall_s - noted_wall_s > COUNTERS_LONGEST_WINDOW_NS / NS_PER_S)
        return COUNTERS_LONGEST_WINDOW_NS;
    return (wall_s - noted_wall_s - 1) * NS_PER_S;
}

enum clock_found state_clock_read(const struct state_clock *c, const struct hash_secret *secret,
                                  const struct clock_reading *r, uint64_t *offset)
{
    uint64_t boot, noted_ns, noted_wall_s, start;

    if (!unsealed(secret, &c->offset, offset, &boot) || !unsealed(secret, &c->noted, &noted_ns, &noted_wall_s) ||
        noted_ns > TIME_MAX)
        return CLOCK_DAMAGED;
    /* A boot time before the note means a reboot, even if the kernel gives no boot id. */
    if (boot == short_boot_id(r->boot_id) && r->boot_ns + *offset + DISORDER_NS >= noted_ns &&
        r->boot_ns + *offset <= TIME_MAX)
        return CLOCK_RUNS;
    start = noted_ns + passed_ns(noted_wall_s, r->wall_ns);
    *offset = (start <= TIME_MAX ? start : noted_ns) - r->boot_ns;
    return CLOCK_BOOTED;
}

void state_clock_note(struct state_clock *c, const struct hash_secret *secret, uint64_t offset, uint64_t boot_ns,
                      uint64_t wall_ns)
{
    union pair later = sealed(secret, boot_ns + offset, wall_ns / NS_PER_S), seen;
    uint64_t noted_ns, noted_wall_s;

    do {
        seen = pair_read(&c->noted);
        if (unsealed(secret, &c->noted, &noted_ns, &noted_wall_s) && noted_ns >= later.key)
            return;
    } while (!pair_swap(&c->noted, seen, later));
}
