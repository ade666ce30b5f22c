/*
 * An engine over the made-up world, for tests of what it does around the decision. A configuration is the rules given,
 * and for each setting that they leave out the one below: nothing that a test did not ask for counts, logs or is kept.
 */
#ifndef POSTERN_TESTS_ENGINE_FIXTURE_H
#define POSTERN_TESTS_ENGINE_FIXTURE_H

#include "tests/unit/world.h"

#include "core/engine/engine.h"

#include <fcntl.h>

#define ANNA "anna@contoso.example"
#define BERT "bert@contoso.example"
#define DORA "dora@fabrikam.example"

struct bench {
    struct world *world;
    struct engine *engine;
    struct engine_session *session;
    struct state *shared; /* the engine's state, as another program of the machine sees it */
    struct recipients recipients;
    char queue_id[16];
    unsigned messages;
    int saved_stderr;
};

/* Writes postern.conf: the rules, and the settings that they leave out. "~" is the world's folder. */
static inline void bench_configure(struct bench *b, const char *rules)
{
    static const struct {
        const char *name, *setting;
    } rest[] = {
        {"preset =", "preset = \"none\";"},
        {"directory =", "directory = \"~/directory\";"},
        {"state =", "state = { file = \"~/engine-state\"; entries = 4096; };"},
        {"journal =", "journal = \"\";"},
        {"spool =", "spool = \"~/spool\";"},
        {"log =", "log = { to = \"stderr\"; };"},
        /* the world's settings are old */
        {"tenants =",
         "tenants = ({ name = \"contoso\"; max_age = \"0s\"; }, { name = \"fabrikam\"; max_age = \"0s\"; },"
         " { name = \"tailspin\"; max_age = \"0s\"; });"},
    };
    char text[4096];
    struct buf out = BUF_OVER(text);

    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        if (strstr(rules, rest[i].name) == NULL)
            buf_addf(&out, "%s\n", rest[i].setting);
    buf_add(&out, slice_of(rules));
    assert_false(out.full);
    world_write(b->world, "postern.conf", text);
}

static inline void bench_start(struct bench *b, const char *program, const char *rules)
{
    struct state_options options = {.boot_ns = clock_boot_ns(), .wall_ns = clock_wall_ns(), .boot_id = clock_boot_id()};
    struct error e;

    bench_configure(b, rules);
    if (engine_open(world_file(b->world, "postern.conf"), program, &b->engine, &e) != 0)
        fail_msg("%s", e.text);
    b->session = engine_session_new(b->engine);
    assert_non_null(b->session);
    options.path = engine_config(b->engine)->state_path;
    if (state_open(&options, &b->shared, &e) != 0)
        fail_msg("%s", e.text);
}

/* What was counted, blocked and noted stays for the next start. */
static inline void bench_stop(struct bench *b)
{
    state_close(b->shared);
    engine_session_free(b->session);
    engine_close(b->engine);
    recipients_clear(&b->recipients);
}

static inline void start(struct bench *b, const char *rules)
{
    bench_start(b, "test", rules);
}

/* The state is thrown away, so that the next start begins with nothing counted. */
static inline void stop(struct bench *b)
{
    bench_stop(b);
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

/* ---- the log: what the engine says between these two, once it was stopped; valid until the next ---- */

static inline void log_begin(struct bench *b)
{
    int fd = open(world_file(b->world, "log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    b->saved_stderr = dup(STDERR_FILENO);
    assert_true(b->saved_stderr >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    (void)close(fd);
}

static inline char *log_end(struct bench *b)
{
    static char text[65536];
    FILE *f = fopen(world_file(b->world, "log"), "r");

    (void)dup2(b->saved_stderr, STDERR_FILENO);
    (void)close(b->saved_stderr);
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    (void)fclose(f);
    return text;
}

/* ---- what was counted, and messages ---- */

static inline struct blocks *blocks_of(struct bench *b)
{
    return state_blocks(b->shared);
}

static inline uint64_t now_of(struct bench *b)
{
    return state_now(b->shared, clock_boot_ns());
}

static inline unsigned live_blocks(struct bench *b)
{
    struct block block;
    unsigned n = 0;

    for (uint32_t at = 0; blocks_next(blocks_of(b), &at, now_of(b), &block);)
        n++;
    return n;
}

/* A whole message: a new queue id and instance. */
static inline struct submission message(struct bench *b, const char *login, const char *client, const char *sender)
{
    struct submission s = world_submission(login, client, sender);

    (void)snprintf(b->queue_id, sizeof b->queue_id, "4Q%06u", b->messages++);
    s.queue_id = s.instance = slice_of(b->queue_id);
    return s;
}

static inline enum reason send_as(struct bench *b, const char *login, const char *client, const char *sender)
{
    struct submission s = message(b, login, client, sender);

    return engine_decide(b->session, &s, &b->recipients)->reason;
}

static inline enum reason send_from(struct bench *b, const char *login, const char *client)
{
    return send_as(b, login, client, login);
}

static inline enum reason anna(struct bench *b)
{
    return send_from(b, ANNA, "203.0.113.9");
}

#endif
