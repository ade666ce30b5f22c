#include "milter/answer.h"

#include "core/base/buf.h"

/* "550 " and "5.7.139 ": the longest enhanced code is x.yyy.zzz (RFC 3463 2). */
#define CODE_MAX 4
#define ENHANCED_MAX 10

struct reply_parts {
    char code[CODE_MAX], enhanced[ENHANCED_MAX];
    char text[2 * REPLY_MAX + 1];
};

/* A percent sign is written twice: the MTA undoes it (smfi_setreply's manual, Postfix's milter8.c). */
static void add_text(struct buf *b, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        buf_add_char(b, text.p[i]);
        if (text.p[i] == '%')
            buf_add_char(b, '%');
    }
}

static bool split_reply(struct slice reply, struct reply_parts *parts)
{
    struct buf code = BUF_OVER(parts->code), enhanced = BUF_OVER(parts->enhanced), text = BUF_OVER(parts->text);
    struct slice first, second, rest;

    if (!slice_cut(reply, ' ', &first, &rest) || !slice_cut(rest, ' ', &second, &rest) || rest.n == 0)
        return false;
    if ((first.p[0] != '4' && first.p[0] != '5') || second.n == 0 || second.p[0] != first.p[0])
        return false;
    buf_add(&code, first);
    buf_add(&enhanced, second);
    add_text(&text, rest);
    return first.n == CODE_MAX - 1 && !code.full && !enhanced.full && !text.full;
}

sfsistat answer_refusal(SMFICTX *ctx, struct slice reply)
{
    struct reply_parts parts;

    if (!split_reply(reply, &parts) && !split_reply(slice_of(reason_row(REASON_INTERNAL)->reply), &parts))
        return SMFIS_TEMPFAIL;
    (void)smfi_setreply(ctx, parts.code, parts.enhanced, parts.text);
    return parts.code[0] == '5' ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

sfsistat answer_internal(SMFICTX *ctx)
{
    return answer_refusal(ctx, slice_of(reason_row(REASON_INTERNAL)->reply));
}

static sfsistat hold_message(SMFICTX *ctx, const struct verdict *verdict)
{
    char why[128];
    struct buf b = BUF_OVER(why);

    buf_add(&b, SLICE("postern: "));
    buf_add(&b, slice_of(reason_row(verdict->reason)->name));
    if (verdict->limit != NULL) {
        buf_add_char(&b, ' ');
        buf_add_escaped(&b, slice_of(verdict->limit), 64);
    }
    return smfi_quarantine(ctx, why) == MI_SUCCESS ? SMFIS_CONTINUE : answer_internal(ctx);
}

/* A message that cannot get its From must not go out without one. */
static bool add_from(SMFICTX *ctx, const struct address *address)
{
    char text[ADDRESS_MAX + 1];
    struct buf b = BUF_OVER(text);

    if (address == NULL)
        return true;
    buf_add(&b, address_slice(address));
    return !b.full && smfi_addheader(ctx, "From", text) == MI_SUCCESS;
}

/* At the end of the message: what is to be done to it. */
static sfsistat let_through(SMFICTX *ctx, const struct verdict *verdict)
{
    if (!add_from(ctx, verdict->add_from))
        return answer_internal(ctx);
    return verdict->action == ACTION_HOLD ? hold_message(ctx, verdict) : SMFIS_CONTINUE;
}

sfsistat answer_verdict(SMFICTX *ctx, const struct verdict *verdict, enum stage stage)
{
    switch (verdict->action) {
    case ACTION_PASS:
    case ACTION_HOLD:
        /* Before the end a milter can change nothing; the verdict there is the one that counts. */
        return stage == STAGE_END ? let_through(ctx, verdict) : SMFIS_CONTINUE;
    case ACTION_DEFER:
    case ACTION_REJECT:
        break;
    }
    return answer_refusal(ctx, verdict->reply);
}
