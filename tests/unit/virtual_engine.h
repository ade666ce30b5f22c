/*
 * An engine in a made-up world whose clock is turned by the test: it takes the place of core/base/clock.c. Days are
 * counted from 0.
 */
#ifndef POSTERN_TESTS_VIRTUAL_ENGINE_H
#define POSTERN_TESTS_VIRTUAL_ENGINE_H

#include "tests/unit/engine_fixture.h"

#define PAUL "paul@contoso.example"
#define OFFICE "198.51.100.7"

#define MINUTE 60.0
#define HOUR 3600.0
#define DAY 86400.0

static double virtual_now_s; /* seconds since the start */

uint64_t clock_boot_ns(void)
{
    return NS_PER_S + (uint64_t)(virtual_now_s * 1e9);
}

int64_t clock_wall_s(void)
{
    return 1000000 + (int64_t)virtual_now_s;
}

uint64_t clock_wall_ns(void)
{
    return 1000000 * NS_PER_S + (uint64_t)(virtual_now_s * 1e9);
}

uint64_t clock_boot_id(void)
{
    return 1;
}

/* An engine at the beginning of time, with the limits that ship unless the rules name others; to be stopped with
 * stop(). */
static inline void start_at_0(struct bench *b, const char *rules)
{
    char text[4096];

    virtual_now_s = 0;
    (void)snprintf(text, sizeof text, "state = { file = \"~/engine-state\"; entries = 65536; };\n%s%s",
                   strstr(rules, "preset =") == NULL ? "preset = \"standard\";\n" : "", rules);
    start(b, text);
}

/* A whole message at that time, which never goes back. */
static inline enum reason send_at(struct bench *b, double at, const char *login, const char *client)
{
    if (at > virtual_now_s)
        virtual_now_s = at;
    return send_from(b, login, client);
}

/* The login's usual mail: one message each morning, from the office. */
static inline void live(struct bench *b, unsigned from_day, unsigned to_day, const char *login)
{
    for (unsigned day = from_day; day < to_day; day++)
        assert_int_equal(send_at(b, day * DAY + 9 * HOUR, login, OFFICE), REASON_ALLOWED);
}

#endif
