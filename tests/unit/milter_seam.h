/*
 * The engine too, played by the test, beside libmilter: what is decided is said by the test. To be included by one file
 * of a program.
 */
#ifndef POSTERN_TESTS_MILTER_SEAM_H
#define POSTERN_TESTS_MILTER_SEAM_H

#include "tests/unit/libmilter_seam.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- the engine ---- */

struct engine {
    struct config config;
    struct verdict verdict; /* the next answer */
    /* what was asked last; texts are copied */
    unsigned decisions, seen;
    atomic_uint sessions, rested; /* tests with threads count too */
    bool no_sessions;
    struct submission asked;
    struct headers asked_headers; /* list not copied: valid only in `look` */
    char queue_id[64], instance[64];
    uint32_t asked_recipients;
    void (*look)(struct engine *engine, const struct submission *s, const struct recipients *r);
};

struct engine_session {
    struct engine *engine;
};

struct engine_session *engine_session_new(struct engine *engine)
{
    struct engine_session *session = engine->no_sessions ? NULL : calloc(1, sizeof *session);

    if (session != NULL) {
        session->engine = engine;
        engine->sessions++;
    }
    return session;
}

void engine_session_free(struct engine_session *session)
{
    session->engine->sessions--;
    free(session);
}

void engine_session_rest(struct engine_session *session)
{
    session->engine->rested++;
}

static inline bool seam_passes(const struct verdict *v)
{
    return v->action == ACTION_PASS || v->action == ACTION_HOLD;
}

const struct verdict *engine_decide(struct engine_session *session, const struct submission *s, struct recipients *r)
{
    struct engine *engine = session->engine;
    struct buf queue_id = BUF_OVER(engine->queue_id), instance = BUF_OVER(engine->instance);

    engine->decisions++;
    engine->asked = *s;
    engine->asked_headers = s->headers != NULL ? *s->headers : (struct headers){0};
    buf_add(&queue_id, s->queue_id);
    buf_add(&instance, s->instance);
    if (s->stage == STAGE_RCPT && seam_passes(&engine->verdict))
        r->n++, r->asked++;
    engine->asked_recipients = r->n;
    if (engine->look != NULL)
        engine->look(engine, s, r);
    return &engine->verdict;
}

void engine_milter_sees(struct engine_session *session, const struct submission *s)
{
    (void)s;
    session->engine->seen++;
}

void engine_milter_runs(struct engine *engine)
{
    (void)engine;
}

const struct config *engine_config(const struct engine *engine)
{
    return &engine->config;
}

struct log *engine_log(struct engine *engine)
{
    (void)engine;
    return NULL;
}

/* Lines for people. The log's own header wants them never to block, and this one doesn't. */
static unsigned seam_lines;
static char seam_line[1024]; /* the last one */

void log_say(struct log *log, enum log_level level, const char *format, ...)
{
    va_list arguments;

    (void)log;
    (void)level;
    seam_lines++;
    va_start(arguments, format);
    (void)vsnprintf(seam_line, sizeof seam_line, format, arguments);
    va_end(arguments);
}

/* Only the program itself calls these, which is not what is tested with the seam. */
int engine_open(const char *path, const char *program, struct engine **out, struct error *e)
{
    (void)program;
    *out = NULL;
    return error_set(e, "%s: no engine here", path);
}

void engine_close(struct engine *engine)
{
    (void)engine;
}

int engine_reload(struct engine *engine, struct error *e)
{
    (void)engine;
    return error_set(e, "no engine here");
}

void engine_tick(struct engine *engine)
{
    (void)engine;
}

#endif
