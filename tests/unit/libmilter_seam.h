/*
 * libmilter, played by the test: the callbacks of postern-milter run against this in one thread, without a socket. The
 * definitions here take the place of the library's at link time. To be included by one file of a program.
 */
#ifndef POSTERN_TESTS_LIBMILTER_SEAM_H
#define POSTERN_TESTS_LIBMILTER_SEAM_H

#include "core/base/buf.h"
#include "milter/callbacks.h"

#include <stdlib.h>

#define SEAM_MACROS 8

struct smfi_str {
    void *private_data;
    const char *macros[SEAM_MACROS][2]; /* name, value; name NULL: unused */
    bool no_reply_memory, no_quarantine, no_list_memory, no_new_fields;
    char code[8], enhanced[16], text[1024]; /* the reply that is set; code empty: none */
    char added[400];                        /* what smfi_addheader was given: "From: anna@contoso.example" */
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

int smfi_addheader(SMFICTX *ctx, char *name, char *value)
{
    struct buf b = BUF_OVER(ctx->added);

    if (ctx->no_new_fields)
        return MI_FAILURE;
    buf_addf(&b, "%s: %s", name, value);
    if (b.full)
        abort();
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

#endif
