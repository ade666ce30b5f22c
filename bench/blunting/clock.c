/* The clock of the simulation, in the place of core/base/clock.c: everything in core takes its time from here. */
#include "bench/blunting/blunting.h"

#include "core/base/clock.h"

#define BEGINS_S INT64_C(1767225600) /* 2026-01-01 0:00 UTC */

static uint64_t now_ms;

void clock_turn_to(uint64_t ms)
{
    if (ms > now_ms)
        now_ms = ms;
}

uint64_t clock_boot_ns(void)
{
    return NS_PER_S + now_ms * NS_PER_MS;
}

int64_t clock_wall_s(void)
{
    return BEGINS_S + (int64_t)(now_ms / SECOND);
}

uint64_t clock_wall_ns(void)
{
    return (uint64_t)BEGINS_S * NS_PER_S + now_ms * NS_PER_MS;
}

uint64_t clock_boot_id(void)
{
    return 1;
}
