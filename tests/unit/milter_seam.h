/*
 * libmilter and the engine, played by the test: the callbacks of postern-milter run against these in one thread,
 * without a socket. The definitions here take the place of the library's at link time. To be included by one file of a
 * program.
 */
#ifndef POSTERN_TESTS_MILTER_SEAM_H
#define POSTERN_TESTS_MILTER_SEAM_H

#include "core/buf.h"
#include "milter/callbacks.h"

#include <stdlib.h>

/* ---- libmilter ---- */

#define SEAM_MACROS 8

struct smfi_str {
    void *private_data;
    const char *macros[SEAM_MACROS][2]; /* name, value; name NULL: unused */
    bool no_reply_memory, no_quarantine, no_list_memory;
    char code[8], enhanced[16], text[1024]; /* the reply that is set; code empty: none */
    char held[256];                         /* what smfi_quarantine was given */
    char lists[7][128];                     /* what smfi_setsymlist was given */
};

static inline void seam_copy(char *room, size_t cap, const char *text)
{
    struct buf b = buf_over(room, cap);

    buf_add(&b, slice_of(text));
    if (b.full)
        abort();
}

char *smfi_getsymval(SMFICTX *ctx, char *name)
{
    for (size_t i = 0; i < SEAM_MACROS; i++)
        if (ctx->macros[i][0] != NULL && strcmp(ctx->macros[i][0], name) == 0)
            return (char *)ctx->macros[i][1];
    return NULL;
}

int smfi_setreply(SMFICTX *ctx, char *code, char *enhanced, char *text)
{
    if (ctx->no_reply_memory || strlen(code) != 3 || enhanced[0] != code[0] || text[0] == '\0' || strlen(text) > 980 ||
        strpbrk(text, "\r\n") != NULL)
        return MI_FAILURE;
    seam_copy(ctx->code, sizeof ctx->code, code);
    seam_copy(ctx->enhanced, sizeof ctx->enhanced, enhanced);
    seam_copy(ctx->text, sizeof ctx->text, text);
    return MI_SUCCESS;
}

int smfi_quarantine(SMFICTX *ctx, char *reason)
{
    if (ctx->no_quarantine)
        return MI_FAILURE;
    seam_copy(ctx->held, sizeof ctx->held, reason);
    return MI_SUCCESS;
}

int smfi_setpriv(SMFICTX *ctx, void *data)
{
    ctx->private_data = data;
    return MI_SUCCESS;
}

void *smfi_getpriv(SMFICTX *ctx)
{
    return ctx->private_data;
}

int smfi_setsymlist(SMFICTX *ctx, int stage, char *list)
{
    /* libmilter refuses a second list for a stage. */
    if (ctx->no_list_memory || stage < 0 || stage > SMFIM_LAST || ctx->lists[stage][0] != '\0')
        return MI_FAILURE;
    seam_copy(ctx->lists[stage], sizeof ctx->lists[stage], list);
    return MI_SUCCESS;
}

/* ---- the engine ---- */

struct engine {
    struct config config;
    struct verdict verdict; /* the next answer */
    /* what was asked last; texts are copied */
    unsigned decisions, claims;
    atomic_uint users, rested; /* tests with threads count too */
    bool no_users;
    struct submission asked;
    struct headers asked_headers; /* list not copied: valid only in `look` */
    char queue_id[64], instance[64];
    uint32_t asked_recipients;
    void (*look)(struct engine *engine, const struct submission *s, const struct recipients *r);
};

struct engine_user {
    struct engine *engine;
};

struct engine_user *engine_user_new(struct engine *engine)
{
    struct engine_user *user = engine->no_users ? NULL : calloc(1, sizeof *user);

    if (user != NULL) {
        user->engine = engine;
        engine->users++;
    }
    return user;
}

void engine_user_free(struct engine_user *user)
{
    user->engine->users--;
    free(user);
}

void engine_user_rest(struct engine_user *user)
{
    user->engine->rested++;
}

static inline bool seam_passes(const struct verdict *v)
{
    return v->action == ACTION_PASS || v->action == ACTION_HOLD;
}

const struct verdict *engine_decide(struct engine_user *user, const struct submission *s, struct recipients *r)
{
    struct engine *engine = user->engine;
    struct buf queue_id = BUF_OVER(engine->queue_id), instance = BUF_OVER(engine->instance);

    engine->decisions++;
    engine->asked = *s;
    engine->asked_headers = s->headers != NULL ? *s->headers : (struct headers){0};
    buf_add(&queue_id, s->queue_id);
    buf_add(&instance, s->instance);
    if (s->stage == STAGE_RCPT && seam_passes(&engine->verdict))
        r->n++;
    engine->asked_recipients = r->n;
    if (engine->look != NULL)
        engine->look(engine, s, r);
    return &engine->verdict;
}

void engine_claim(struct engine_user *user, const struct submission *s)
{
    struct buf queue_id = BUF_OVER(user->engine->queue_id);

    user->engine->claims++;
    user->engine->asked = *s;
    buf_add(&queue_id, s->queue_id);
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

void log_say(struct log *log, enum log_level level, const char *format, ...)
{
    (void)log;
    (void)level;
    (void)format;
    seam_lines++;
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
