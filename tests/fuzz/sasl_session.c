/* links: sasl */
/*
 * Any lines from either side of the door: no crash, no leak, and these rules hold. Postfix gets what Dovecot said, or a
 * FAIL of ours; an OK only when the engine was asked about its login in that very moment, and passed it. Dovecot gets
 * what Postfix said, or a CANCEL. Tickets are held exactly while Dovecot is asked.
 *
 * Input: lines that begin with "<" (from Dovecot), ">" (from Postfix), or "+" (time passes).
 */
#include "sasl/session.h"

#include "tests/unit/sasl_seam.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct desk desk;

static bool is_same(struct slice a, struct slice b)
{
    return a.p == b.p && a.n == b.n;
}

static bool is_ours(struct slice s, struct slice word)
{
    return slice_starts_with(s, word) && memchr(s.p, '\n', s.n) == s.p + s.n - 1;
}

static bool has_ok(struct slice s)
{
    return slice_starts_with(s, SLICE("OK")) || memmem(s.p, s.n, "\nOK", 3) != NULL;
}

static void check(struct slice line, const struct session_out *out, unsigned passed_before)
{
    if (out->to_client.n > 0) {
        assert(is_same(out->to_client, line) || is_ours(out->to_client, SLICE("FAIL\t")));
        assert(!slice_starts_with(line, SLICE("OK\t")) || seam.succeeded == passed_before + 1);
        if (has_ok(out->to_client) && slice_starts_with(out->to_client, SLICE("OK\t")))
            assert(!slice_starts_with((struct slice){seam.login, strlen(seam.login)}, SLICE("no")));
    }
    assert(out->to_dovecot.n == 0 || is_same(out->to_dovecot, line) || is_ours(out->to_dovecot, SLICE("CANCEL\t")));
}

static enum session_end feed(struct session *s, struct slice input, uint64_t *now_s)
{
    struct slice line = {input.p + 1, input.n - 1};
    unsigned passed_before = seam.succeeded;
    struct session_out out = {.to_client = {NULL, 0}};
    enum session_end end;

    if (input.p[0] == '+')
        return session_look(s, *now_s += 7);
    (void)session_line_max(s, (struct slice){line.p, line.n - 1});
    end = input.p[0] == '<' ? session_from_dovecot(s, &desk, line, *now_s, &out)
                            : session_from_client(s, &desk, line, *now_s, &out);
    if (end == SESSION_GOES_ON)
        check(line, &out, passed_before);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct listener listener = {.fd = -1};
    struct slice rest = {(const char *)data, size};
    enum session_end end = SESSION_GOES_ON;
    uint64_t now_s = 1000;
    struct session s;

    memset(&seam, 0, sizeof seam);
    seam.failures_have_words = size % 2 == 0;
    seam.room = size % 4;
    session_start(&s, &listener, now_s);
    while (end == SESSION_GOES_ON && rest.n > 0) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        struct slice input = {rest.p, lf != NULL ? (size_t)(lf - rest.p) + 1 : 0};

        if (input.n == 0 || input.n > LINE_MAX_LONG)
            break;
        rest = (struct slice){rest.p + input.n, rest.n - input.n};
        do
            end = input.n > 1 ? feed(&s, input, &now_s) : SESSION_GOES_ON;
        while (end == SESSION_WAITS && now_s++ < UINT32_MAX);
        assert(seam.held >= s.n_asked && s.n_asked <= s.n_dialogues && s.n_dialogues <= DIALOGUES_MAX);
    }
    session_finish(&s, &desk, (enum session_fault)(size % 3));
    assert(TAILQ_EMPTY(&s.dialogues));
    assert(seam.begun == seam.held + seam.succeeded + seam.failed + seam.aborted + seam.unavailable);
    return 0;
}
