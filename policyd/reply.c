#include "policyd/reply.h"

#define FALLBACK SLICE("451 4.3.0 Temporary local problem, try again later")
/* Postfix logs the text of HOLD; the client never sees it. */
#define HOLD_TEXT SLICE("held by postern: sending rate exceeded")

static void add_action(struct buf *out, struct slice word, struct slice text)
{
    buf_add(out, SLICE("action="));
    buf_add(out, word);
    buf_add(out, text);
    buf_add(out, SLICE("\n\n"));
}

static bool text_is_printable(struct slice text)
{
    if (text.n == 0 || text.n > REPLY_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] > 0x7e)
            return false;
    return true;
}

static void add_refusal(struct buf *out, struct slice text)
{
    add_action(out, SLICE(""), reply_check(text, NULL) == 0 ? text : FALLBACK);
}

void policy_reply_add(struct buf *out, const struct verdict *verdict)
{
    if (verdict == NULL) {
        add_action(out, SLICE(""), FALLBACK);
        return;
    }
    switch (verdict->action) {
    case ACTION_PASS: /* not OK, which would end Postfix's list of restrictions */
        add_action(out, SLICE("DUNNO"), SLICE(""));
        return;
    case ACTION_DEFER:
    case ACTION_REJECT:
        add_refusal(out, verdict->reply);
        return;
    case ACTION_HOLD:
        add_action(out, SLICE("HOLD "), text_is_printable(verdict->reply) ? verdict->reply : HOLD_TEXT);
        return;
    }
    add_action(out, SLICE(""), FALLBACK);
}

void policy_reply_add_reason(struct buf *out, enum reason reason)
{
    add_refusal(out, slice_of(reason_row(reason)->reply));
}
