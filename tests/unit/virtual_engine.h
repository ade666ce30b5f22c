/*
 * An engine in a made-up world whose clock is turned by the test: it takes the place of core/clock.c. Days are counted
 * from 0.
 */
#ifndef POSTERN_TESTS_VIRTUAL_ENGINE_H
#define POSTERN_TESTS_VIRTUAL_ENGINE_H

#include "tests/unit/world.h"

#include "core/engine.h"

#define ANNA "anna@contoso.example"
#define PAUL "paul@contoso.example"
#define DORA "dora@fabrikam.example"
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

struct bench {
    struct world *world;
    struct engine *engine;
    struct engine_user *user;
    struct recipients recipients;
    char queue_id[16];
    unsigned messages;
};

static inline void start(struct bench *b, const char *rules)
{
    char text[4096];
    struct error e;

    virtual_now_s = 0;
    (void)snprintf(text, sizeof text,
                   "directory = \"~/directory\"; state = { file = \"~/engine-state\"; entries = 65536; };\n"
                   "journal = \"\"; spool = \"~/spool\"; log = { to = \"stderr\"; };\n%s",
                   rules);
    world_write(b->world, "postern.conf", text);
    if (engine_open(world_file(b->world, "postern.conf"), "test", &b->engine, &e) != 0)
        fail_msg("%s", e.text);
    b->user = engine_user_new(b->engine);
    assert_non_null(b->user);
}

static inline void stop(struct bench *b)
{
    engine_user_free(b->user);
    engine_close(b->engine);
    recipients_clear(&b->recipients);
    (void)unlink(world_file(b->world, "engine-state"));
}

static inline int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    assert_non_null(b);
    b->world = world_make();
    *state = b;
    return 0;
}

static inline int teardown(void **state)
{
    struct bench *b = *state;

    world_free(b->world);
    free(b);
    return 0;
}

/* A whole message at that time, which never goes back. */
static inline enum reason send_at(struct bench *b, double at, const char *login, const char *client)
{
    struct submission s = world_submission(login, client, login);

    if (at > virtual_now_s)
        virtual_now_s = at;
    (void)snprintf(b->queue_id, sizeof b->queue_id, "4Q%06u", b->messages++);
    s.queue_id = s.instance = slice_of(b->queue_id);
    return engine_decide(b->user, &s, &b->recipients)->reason;
}

/* The login's usual mail: one message each morning, from the office. */
static inline void live(struct bench *b, unsigned from_day, unsigned to_day, const char *login)
{
    for (unsigned day = from_day; day < to_day; day++)
        assert_int_equal(send_at(b, day * DAY + 9 * HOUR, login, OFFICE), REASON_ALLOWED);
}

#endif
