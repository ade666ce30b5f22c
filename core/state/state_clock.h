/*
 * State time: nanoseconds of the boot-time clock plus an offset that is kept in the file.
 *
 * The file notes which boot the offset belongs to, and about once a second which state time it was at which wall time.
 * At the first opening after a reboot state time goes on from the last note, plus what the wall clock has advanced
 * since, but at least 0 and at most the longest window. So the wall clock, wherever it stands, makes counters at most
 * empty (one burst more) and shuts the gate for no longer than without the reboot.
 *
 * All programs of one file must live in one time namespace.
 */
#ifndef POSTERN_STATE_CLOCK_H
#define POSTERN_STATE_CLOCK_H

#include "core/base/hash.h"
#include "core/base/pair.h"

/* Two words each, sealed with 24 bits of a keyed hash; changed in one atomic step. */
struct state_clock {
    union pair offset __attribute__((aligned(64))); /* ns; boot */
    union pair noted;                               /* state time, ns; wall time, s */
};

struct clock_reading {
    uint64_t boot_ns, wall_ns, boot_id;
};

/* The offset of a new file. State time begins at the longest window, so that nothing ever counts below 0. */
uint64_t state_clock_begin(const struct clock_reading *r);

/* Writes a clock whole, for a file that nobody else has yet. */
void state_clock_set(struct state_clock *c, const struct hash_secret *secret, uint64_t offset,
                     const struct clock_reading *r);

enum clock_found {
    CLOCK_RUNS,   /* *offset is the file's */
    CLOCK_BOOTED, /* *offset is a new one for this boot: to be written with state_clock_set, under the lock */
    CLOCK_DAMAGED
};
enum clock_found state_clock_read(const struct state_clock *c, const struct hash_secret *secret,
                                  const struct clock_reading *r, uint64_t *offset);

/* Notes the time, if it is later than what is noted. */
void state_clock_note(struct state_clock *c, const struct hash_secret *secret, uint64_t offset, uint64_t boot_ns,
                      uint64_t wall_ns);

#endif
