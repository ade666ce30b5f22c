/* links: policyd */
/*
 * Any bytes as what a verdict says: the answer of the policy server is one line "action=...", printable ASCII, of a
 * known action, and an empty line; a refusal has a code of its class and a text. A text that the configuration would
 * take is answered as it is.
 *
 * Input: byte 0 is the action, byte 1 where the reply comes from, the rest is the reply's text.
 */
#include "policyd/reply.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what)                                                                                                     \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            (void)fprintf(stderr, "policy_reply: broken promise: %s\n", #what);                                        \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "550 5.7.1 text": what Postfix takes for a reply of the access map (access(5)). */
static void check_refusal(struct slice action)
{
    struct slice code, enhanced, text;

    MUST(slice_cut(action, ' ', &code, &text) && slice_cut(text, ' ', &enhanced, &text));
    MUST(code.n == 3 && (code.p[0] == '4' || code.p[0] == '5') && is_digit(code.p[1]) && is_digit(code.p[2]));
    MUST(enhanced.n >= 5 && enhanced.p[0] == code.p[0] && enhanced.p[1] == '.');
    MUST(slice_trim(text).n > 0);
}

static void check_answer(struct slice answer, enum action wanted)
{
    static const struct slice head = {"action=", 7};
    struct slice action;

    MUST(answer.n <= POLICY_REPLY_MAX && slice_starts_with(answer, head));
    MUST(answer.n > head.n + 2 && memcmp(answer.p + answer.n - 2, "\n\n", 2) == 0);
    action = (struct slice){answer.p + head.n, answer.n - head.n - 2};
    for (size_t i = 0; i < action.n; i++)
        MUST(action.p[i] >= 0x20 && action.p[i] <= 0x7e);
    if (slice_eq(action, SLICE("DUNNO")))
        MUST(wanted == ACTION_PASS);
    else if (slice_starts_with(action, SLICE("HOLD ")))
        MUST(wanted == ACTION_HOLD && action.n > 5);
    else
        check_refusal(action);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct verdict verdict;
    char room[POLICY_REPLY_MAX + 1]; /* and the terminator */
    struct buf out = BUF_OVER(room);
    struct slice text = {size > 2 ? (const char *)data + 2 : NULL, size > 2 ? size - 2 : 0};
    bool usual = reply_check(text, NULL) == 0;

    if (size < 2)
        return 0;
    verdict = (struct verdict){.action = (enum action)(data[0] % 6), .reply = text};
    if (data[1] % 4 == 0)
        policy_reply_add_reason(&out, (enum reason)(data[0]));
    else
        policy_reply_add(&out, data[1] % 4 == 1 ? NULL : &verdict);
    MUST(!out.full);
    check_answer(buf_slice(&out), data[1] % 4 >= 2 ? verdict.action : ACTION_REJECT);
    if (usual && data[1] % 4 >= 2 && (verdict.action == ACTION_DEFER || verdict.action == ACTION_REJECT))
        MUST(memmem(out.p, out.n, text.p, text.n) == out.p + strlen("action="));
    return 0;
}
