/* links: policyd */
/*
 * Any bytes as a policy request: no crash, no read behind them (the sanitizers tell), and what is read is what a slow
 * and simple reader finds. What comes out becomes a submission, and its values stand in for reply texts: whatever they
 * are, the answer is one action of the known ones.
 */
#include "policyd/reply.h"
#include "policyd/request.h"
#include "policyd/translate.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name;
    enum policy_attribute id;
} rows[] = {
    {"request", ATTRIBUTE_REQUEST},
    {"protocol_state", ATTRIBUTE_PROTOCOL_STATE},
    {"client_address", ATTRIBUTE_CLIENT_ADDRESS},
    {"sender", ATTRIBUTE_SENDER},
    {"recipient", ATTRIBUTE_RECIPIENT},
    {"recipient_count", ATTRIBUTE_RECIPIENT_COUNT},
    {"size", ATTRIBUTE_SIZE},
    {"queue_id", ATTRIBUTE_QUEUE_ID},
    {"instance", ATTRIBUTE_INSTANCE},
    {"sasl_method", ATTRIBUTE_SASL_METHOD},
    {"sasl_username", ATTRIBUTE_SASL_USERNAME},
    {"encryption_protocol", ATTRIBUTE_ENCRYPTION_PROTOCOL},
    {"ccert_subject", ATTRIBUTE_CCERT_SUBJECT},
    {"ccert_fingerprint", ATTRIBUTE_CCERT_FINGERPRINT},
};
#define ROWS (sizeof rows / sizeof rows[0])

/* Length of the first request, 0 when it has no end. */
static size_t end_of_request(struct slice in)
{
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] == '\n'))
            return i + 1;
    return 0;
}

/* How often the attribute is there, and its last value. */
static unsigned find(struct slice whole, struct slice name, struct slice *value)
{
    struct slice line, key, found;
    unsigned n = 0;

    *value = (struct slice){NULL, 0};
    while (slice_cut(whole, '\n', &line, &whole) && line.n > 0) {
        if (slice_cut(line, '=', &key, &found) && slice_eq(key, name)) {
            *value = found;
            n++;
        }
    }
    return n;
}

/* What is wrong with the line, which is the n-th; before: all that is in front of it. */
static enum request_problem problem_of_line(struct slice line, unsigned n, struct slice before)
{
    struct slice name, value;

    if (n > REQUEST_ATTRIBUTES_MAX)
        return REQUEST_TOO_MANY_ATTRIBUTES;
    if (line.n > REQUEST_LINE_MAX)
        return REQUEST_LINE_TOO_LONG;
    if (!slice_cut(line, '=', &name, &value))
        return REQUEST_NO_EQUALS;
    for (size_t i = 0; i < ROWS; i++)
        if (slice_eq(name, slice_of(rows[i].name)) && find(before, name, &value) > 0)
            return REQUEST_REPEATED;
    return REQUEST_FINE;
}

/* The first problem that the lines of a whole request have, as far as they can be told before their values are read. */
static enum request_problem problem_of_lines(struct slice whole)
{
    struct slice rest = whole, line;
    enum request_problem problem = REQUEST_FINE;

    for (unsigned n = 1; problem == REQUEST_FINE && slice_cut(rest, '\n', &line, &rest) && line.n > 0; n++)
        problem = problem_of_line(line, n, (struct slice){whole.p, (size_t)(line.p - whole.p)});
    if (problem == REQUEST_FINE && memchr(whole.p, '\0', whole.n) != NULL)
        problem = REQUEST_NUL;
    return problem;
}

static bool lines_have_equals(struct slice whole)
{
    struct slice line;

    while (slice_cut(whole, '\n', &line, &whole) && line.n > 0)
        if (memchr(line.p, '=', line.n) == NULL)
            return false;
    return true;
}

static void check_values(struct slice whole, const struct policy_request *r)
{
    struct slice value;

    assert(ROWS == ATTRIBUTE_COUNT);
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        assert(find(whole, slice_of(rows[i].name), &value) <= 1);
        assert(slice_eq(value, r->value[rows[i].id]));
    }
    assert(slice_eq(r->value[ATTRIBUTE_REQUEST], SLICE("smtpd_access_policy")));
    assert(memchr(whole.p, '\0', whole.n) == NULL && lines_have_equals(whole));
}

static void check_answer(enum action action, struct slice text)
{
    struct verdict v = {.action = action, .reply = text};
    char memory[POLICY_REPLY_MAX + 1];
    struct buf b = BUF_OVER(memory);
    struct slice out;

    policy_reply_add(&b, &v);
    out = buf_slice(&b);
    assert(!b.full && out.n >= 14 && slice_starts_with(out, SLICE("action=")));
    assert(memcmp(out.p + out.n - 2, "\n\n", 2) == 0);
    for (size_t i = 0; i < out.n - 2; i++)
        assert(out.p[i] >= 0x20 && out.p[i] <= 0x7e);
    out = (struct slice){out.p + 7, out.n - 9};
    if (action == ACTION_PASS)
        assert(slice_eq(out, SLICE("DUNNO")));
    else if (action == ACTION_HOLD)
        assert(slice_starts_with(out, SLICE("HOLD ")) && out.n > 5);
    else
        assert(reply_check(out, NULL) == 0);
}

static void check_use(const struct policy_request *r)
{
    struct submission s;

    submission_of_request(r, NULL, &s);
    assert(slice_eq(s.login_text, r->value[ATTRIBUTE_SASL_USERNAME]));
    assert(s.stage != STAGE_RCPT || s.has_recipient);
    /* A mechanism without a name is somebody who signed in, and nobody knows who. */
    assert(s.login_text.n > 0 || s.login.kind == (s.mechanism.n > 0 ? LOGIN_BAD : LOGIN_NONE));
    for (int action = ACTION_PASS; action <= ACTION_HOLD; action++)
        check_answer((enum action)action, r->value[ATTRIBUTE_SENDER]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size}, whole;
    static struct policy_request r;
    size_t used = policy_request_read(in, &r);
    enum request_problem problem;

    assert(used == end_of_request(in));
    if (used == 0)
        return 0;
    whole = (struct slice){in.p, used};
    problem = problem_of_lines(whole);
    if (problem == REQUEST_FINE)
        assert(r.problem == REQUEST_FINE || (r.problem >= REQUEST_CONTROL && r.problem <= REQUEST_BAD_NUMBER));
    else
        assert(r.problem == problem);
    if (r.problem == REQUEST_FINE) {
        check_values(whole, &r);
        check_use(&r);
    } else {
        assert(r.problem < REQUEST_TOO_LONG && request_problem_text(r.problem) != NULL);
    }
    assert(policy_request_read((struct slice){in.p, used - 1}, &r) == 0);
    return 0;
}
