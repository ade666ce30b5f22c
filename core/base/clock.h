/*
 * The clocks. Only main programs read them; everything below takes time as a parameter.
 */
#ifndef POSTERN_CLOCK_H
#define POSTERN_CLOCK_H

#include <stdint.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

/* Nanoseconds since boot, suspend included (CLOCK_BOOTTIME): never steps. */
uint64_t clock_boot_ns(void);

/* Wall clock, seconds since 1970: for display, for ages, and to bridge a reboot. */
int64_t clock_wall_s(void);

/* Wall clock in nanoseconds since 1970; 0 before 1970. */
uint64_t clock_wall_ns(void);

/* A number that stays the same until the next boot (from the kernel's boot_id); 0 if it can't be read. */
uint64_t clock_boot_id(void);

#endif
