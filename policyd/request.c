#include "policyd/request.h"

#include "policyd/marks.h"

/* ---- the attributes ---- */

struct attribute {
    struct slice name; /* empty: no attribute here */
    enum policy_attribute id;
    /*
     * The value is what the mail client sent, which Postfix hands on as it is: a tab in a sender is the client's doing
     * and for the rules to judge, no broken request. All others are Postfix's own words.
     */
    bool from_client;
};

/* Length and first letter tell ours apart; where two rows met in one place, the compiler would say so. */
#define SLOT_COUNT 32
#define SLOT(length, first) (((length)*7 + (first)) % SLOT_COUNT)
#define ATTRIBUTE(text, first, id, from_client)                                                                        \
    [SLOT(sizeof(text) - 1, first)] = {{(text), sizeof(text) - 1}, (id), (from_client)}

static const struct attribute attributes[SLOT_COUNT] = {
    ATTRIBUTE("request", 'r', ATTRIBUTE_REQUEST, false),
    ATTRIBUTE("protocol_state", 'p', ATTRIBUTE_PROTOCOL_STATE, false),
    ATTRIBUTE("client_address", 'c', ATTRIBUTE_CLIENT_ADDRESS, false),
    ATTRIBUTE("sender", 's', ATTRIBUTE_SENDER, true),
    ATTRIBUTE("recipient", 'r', ATTRIBUTE_RECIPIENT, true),
    ATTRIBUTE("recipient_count", 'r', ATTRIBUTE_RECIPIENT_COUNT, false),
    ATTRIBUTE("size", 's', ATTRIBUTE_SIZE, false),
    ATTRIBUTE("queue_id", 'q', ATTRIBUTE_QUEUE_ID, false),
    ATTRIBUTE("instance", 'i', ATTRIBUTE_INSTANCE, false),
    ATTRIBUTE("sasl_method", 's', ATTRIBUTE_SASL_METHOD, true),
    ATTRIBUTE("sasl_username", 's', ATTRIBUTE_SASL_USERNAME, true),
    ATTRIBUTE("encryption_protocol", 'e', ATTRIBUTE_ENCRYPTION_PROTOCOL, false),
};

static const struct attribute *attribute_find(struct slice name)
{
    const struct attribute *a;

    if (name.n == 0)
        return NULL;
    a = &attributes[SLOT(name.n, (unsigned char)name.p[0])];
    return a->name.n == name.n && memcmp(a->name.p, name.p, name.n) == 0 ? a : NULL;
}

/* ---- the protocol states ---- */

static const struct {
    struct slice name;
    enum stage stage;
    bool recipient_counts;
} states[] = {
    {{"RCPT", 4}, STAGE_RCPT, true},     {{"END-OF-MESSAGE", 14}, STAGE_END, true}, {{"DATA", 4}, STAGE_DATA, true},
    {{"MAIL", 4}, STAGE_MAIL, false},    {{"CONNECT", 7}, STAGE_CONNECT, false},    {{"EHLO", 4}, STAGE_CONNECT, false},
    {{"HELO", 4}, STAGE_CONNECT, false}, {{"VRFY", 4}, STAGE_CONNECT, false},       {{"ETRN", 4}, STAGE_CONNECT, false},
};

static bool read_state(struct policy_request *r)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (slice_eq(r->value[ATTRIBUTE_PROTOCOL_STATE], states[i].name)) {
            r->stage = states[i].stage;
            r->recipient_counts = states[i].recipient_counts;
            return true;
        }
    }
    return false;
}

/* ---- reading ---- */

static const char *const problems[REQUEST_PROBLEM_COUNT] = {
    [REQUEST_FINE] = "nothing",
    [REQUEST_NO_EQUALS] = "a line without \"=\"; expected name=value",
    [REQUEST_REPEATED] = "an attribute that was given before",
    [REQUEST_NUL] = "a NUL byte",
    [REQUEST_CONTROL] = "a control character in a value of Postfix's own",
    [REQUEST_NO_TYPE] = "expected request=smtpd_access_policy",
    [REQUEST_BAD_STATE] = "unknown protocol_state; expected one of SMTPD_POLICY_README",
    [REQUEST_BAD_NUMBER] = "not a number",
    [REQUEST_TOO_MANY_ATTRIBUTES] = "more than 64 attributes",
    [REQUEST_LINE_TOO_LONG] = "a line of more than 8,320 bytes",
    [REQUEST_TOO_LONG] = "more than 65,536 bytes without an empty line",
    [REQUEST_TOO_SLOW] = "not complete within policyd.request_timeout of its first byte",
};

const char *request_problem_text(enum request_problem problem)
{
    return problems[problem];
}

static void fail(struct policy_request *r, enum request_problem problem, struct slice culprit)
{
    if (r->problem != REQUEST_FINE)
        return;
    r->problem = problem;
    r->culprit = culprit;
}

static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

/* One line that is not empty; equals: its first "=", or NULL. seen: the set of the attributes that were there before.
 */
static void read_line(struct policy_request *r, struct slice line, const char *equals, unsigned *seen)
{
    const struct attribute *a;
    struct slice name;

    if (line.n > REQUEST_LINE_MAX) {
        fail(r, REQUEST_LINE_TOO_LONG, line);
        return;
    }
    if (equals == NULL) {
        fail(r, REQUEST_NO_EQUALS, line);
        return;
    }
    name = (struct slice){line.p, (size_t)(equals - line.p)};
    a = attribute_find(name);
    if (a == NULL)
        return;
    if ((*seen & 1u << a->id) != 0)
        fail(r, REQUEST_REPEATED, line);
    *seen |= 1u << a->id;
    r->value[a->id] = (struct slice){equals + 1, line.n - name.n - 1}; /* which may hold more "=" */
}

/* Some byte of the whole request is a control character: is it where none may be? */
static void check_controls(struct policy_request *r, struct slice whole)
{
    if (memchr(whole.p, '\0', whole.n) != NULL)
        fail(r, REQUEST_NUL, (struct slice){NULL, 0});
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const struct attribute *a = &attributes[i];

        if (a->name.n > 0 && !a->from_client && has_control(r->value[a->id]))
            fail(r, REQUEST_CONTROL, r->value[a->id]);
    }
}

/* Empty is 0, like absent. */
static bool read_number(struct slice text, unsigned long long max, unsigned long long *out)
{
    *out = 0;
    return text.n == 0 || slice_to_u64(text, max, out);
}

/* What the attributes mean together, once all are there. */
static void read_values(struct policy_request *r)
{
    unsigned long long size, recipients;

    if (!slice_eq(r->value[ATTRIBUTE_REQUEST], SLICE("smtpd_access_policy"))) {
        fail(r, REQUEST_NO_TYPE, r->value[ATTRIBUTE_REQUEST]);
        return;
    }
    if (!read_state(r)) {
        fail(r, REQUEST_BAD_STATE, r->value[ATTRIBUTE_PROTOCOL_STATE]);
        return;
    }
    if (!read_number(r->value[ATTRIBUTE_SIZE], INT64_MAX, &size)) {
        fail(r, REQUEST_BAD_NUMBER, r->value[ATTRIBUTE_SIZE]);
        return;
    }
    if (!read_number(r->value[ATTRIBUTE_RECIPIENT_COUNT], INT32_MAX, &recipients)) {
        fail(r, REQUEST_BAD_NUMBER, r->value[ATTRIBUTE_RECIPIENT_COUNT]);
        return;
    }
    r->size = size;
    r->recipient_count = (uint32_t)recipients;
}

/* What is being read. */
struct reading {
    const char *line, *equals; /* the line's first byte; its first "=", NULL while none was seen */
    unsigned lines, seen;
    bool control;
};

/* The lines that end in the block at `at`, whose marks are m. Answers the end of the request, or NULL when it is not
 * among them. */
static const char *read_block(struct policy_request *r, struct reading *reading, const char *at, struct marks m)
{
    reading->control = reading->control || m.control;
    for (; m.newline != 0; m.newline &= m.newline - 1) {
        uint64_t before = (m.newline & -m.newline) - 1; /* the bits below the newline's */
        const char *newline = at + __builtin_ctzll(m.newline);
        struct slice line = {reading->line, (size_t)(newline - reading->line)};

        if (line.n == 0)
            return newline + 1;
        if (reading->equals == NULL && (m.equals & before) != 0)
            reading->equals = at + __builtin_ctzll(m.equals);
        if (++reading->lines > REQUEST_ATTRIBUTES_MAX)
            fail(r, REQUEST_TOO_MANY_ATTRIBUTES, line);
        else
            read_line(r, line, reading->equals, &reading->seen);
        reading->line = newline + 1;
        reading->equals = NULL;
        m.equals &= ~before;
    }
    if (reading->equals == NULL && m.equals != 0)
        reading->equals = at + __builtin_ctzll(m.equals);
    return NULL;
}

/* Marks of what is behind the last whole block: n bytes, fewer than a block. */
static struct marks marks_of_rest(const char *p, size_t n)
{
    char block[MARKS_BYTES];

    memset(block, ' ', sizeof block);
    if (n > 0)
        memcpy(block, p, n); // NOLINT(clang-analyzer-core.NonNullParamChecker): n is 0 where p is NULL
    return marks_of(block);
}

size_t policy_request_read(struct slice in, struct policy_request *out)
{
    struct reading reading = {.line = in.p};
    const char *end = NULL;

    memset(out, 0, sizeof *out);
    for (size_t at = 0; at < in.n && end == NULL; at += MARKS_BYTES) {
        const char *p = in.p + at;
        size_t left = in.n - at;

        end = read_block(out, &reading, p, left >= MARKS_BYTES ? marks_of(p) : marks_of_rest(p, left));
    }
    if (end == NULL)
        return 0;
    in.n = (size_t)(end - in.p);
    if (reading.control)
        check_controls(out, in);
    if (out->problem == REQUEST_FINE)
        read_values(out);
    return in.n;
}
