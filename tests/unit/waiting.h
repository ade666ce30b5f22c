/*
 * Waiting in tests: for what shall happen, however busy the machine is. Only what hangs meets the limit.
 */
#ifndef POSTERN_TEST_WAITING_H
#define POSTERN_TEST_WAITING_H

#include "core/base/clock.h"

#include <poll.h>
#include <stdbool.h>

#define WAIT_MS 120000
#define WAIT_S (WAIT_MS / 1000)

static inline void pause_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

/* Pauses a little: false when WAIT_MS have gone by since `since_ns` (boot clock). */
static inline bool wait_more(uint64_t since_ns)
{
    pause_ms(5);
    return clock_boot_ns() - since_ns < WAIT_MS * NS_PER_MS;
}

/* Until the condition holds; the test has failed when it never does. */
#define wait_until(condition)                                                                                          \
    do {                                                                                                               \
        uint64_t since_ns_ = clock_boot_ns();                                                                          \
        while (!(condition))                                                                                           \
            if (!wait_more(since_ns_))                                                                                 \
                fail_msg("waited %d s in vain for: %s", WAIT_S, #condition);                                           \
    } while (0)

#endif
