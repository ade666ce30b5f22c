#include "policyd/request.h"

#include "policyd/marks.h"

/* ---- the attributes ---- */

#define NO_ATTRIBUTE ATTRIBUTE_COUNT

/* Compiled into each of the two readers below, for the instructions that each may use. */
#define INLINE static inline __attribute__((always_inline))

/* Which one is it? Most lines of a request are none of ours, which the name's length nearly always says. */
INLINE enum policy_attribute attribute_of(const char *name, size_t n)
{
    /* sizeof counts the terminator; the compiler makes a compare or two of each memcmp */
#define IS(text) (memcmp(name, (text), sizeof(text) - 1) == 0)
    switch (n) {
    case 4:
        return IS("size") ? ATTRIBUTE_SIZE : NO_ATTRIBUTE;
    case 6:
        return IS("sender") ? ATTRIBUTE_SENDER : NO_ATTRIBUTE;
    case 7:
        return IS("request") ? ATTRIBUTE_REQUEST : NO_ATTRIBUTE;
    case 8:
        return IS("instance") ? ATTRIBUTE_INSTANCE : IS("queue_id") ? ATTRIBUTE_QUEUE_ID : NO_ATTRIBUTE;
    case 9:
        return IS("recipient") ? ATTRIBUTE_RECIPIENT : NO_ATTRIBUTE;
    case 11:
        return IS("sasl_method") ? ATTRIBUTE_SASL_METHOD : NO_ATTRIBUTE;
    case 13:
        return IS("sasl_username")   ? ATTRIBUTE_SASL_USERNAME
               : IS("ccert_subject") ? ATTRIBUTE_CCERT_SUBJECT
                                     : NO_ATTRIBUTE;
    case 14:
        return IS("client_address")   ? ATTRIBUTE_CLIENT_ADDRESS
               : IS("protocol_state") ? ATTRIBUTE_PROTOCOL_STATE
                                      : NO_ATTRIBUTE;
    case 15:
        return IS("recipient_count") ? ATTRIBUTE_RECIPIENT_COUNT : NO_ATTRIBUTE;
    case 17:
        return IS("ccert_fingerprint") ? ATTRIBUTE_CCERT_FINGERPRINT : NO_ATTRIBUTE;
    case 19:
        return IS("encryption_protocol") ? ATTRIBUTE_ENCRYPTION_PROTOCOL : NO_ATTRIBUTE;
    default:
        return NO_ATTRIBUTE;
    }
#undef IS
}

/*
 * The value is what the mail client sent, which Postfix hands on as it is: a tab in a sender is the client's doing and
 * for the rules to judge, no broken request. All others are Postfix's own words.
 */
static bool is_from_client(enum policy_attribute a)
{
    return a == ATTRIBUTE_SENDER || a == ATTRIBUTE_RECIPIENT || a == ATTRIBUTE_SASL_METHOD ||
           a == ATTRIBUTE_SASL_USERNAME;
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

/* One line that is not empty. seen: the set of the attributes that were there before. */
static void read_line(struct policy_request *r, struct slice line, unsigned *seen)
{
    struct slice name, value;
    enum policy_attribute a;

    if (line.n > REQUEST_LINE_MAX) {
        fail(r, REQUEST_LINE_TOO_LONG, line);
        return;
    }
    if (!slice_cut(line, '=', &name, &value)) { /* the value may hold more "=" */
        fail(r, REQUEST_NO_EQUALS, line);
        return;
    }
    a = attribute_of(name.p, name.n);
    if (a == NO_ATTRIBUTE)
        return;
    if ((*seen & 1u << a) != 0)
        fail(r, REQUEST_REPEATED, line);
    *seen |= 1u << a;
    r->value[a] = value;
}

/* Some byte of the whole request is a control character: is it where none may be? */
static void check_controls(struct policy_request *r, struct slice whole)
{
    if (memchr(whole.p, '\0', whole.n) != NULL)
        fail(r, REQUEST_NUL, (struct slice){NULL, 0});
    for (unsigned a = 0; a < ATTRIBUTE_COUNT; a++)
        if (!is_from_client(a) && has_control(r->value[a]))
            fail(r, REQUEST_CONTROL, r->value[a]);
}

/* The long way for a whole request in which something is out of the ordinary: line by line, to say what. */
static void read_thoroughly(struct policy_request *r, struct slice whole)
{
    struct slice rest = whole, line;
    unsigned lines = 0, seen = 0;

    memset(r->value, 0, sizeof r->value);
    while (slice_cut(rest, '\n', &line, &rest) && line.n > 0) {
        if (++lines > REQUEST_ATTRIBUTES_MAX)
            fail(r, REQUEST_TOO_MANY_ATTRIBUTES, line);
        else
            read_line(r, line, &seen);
    }
    check_controls(r, whole);
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
    unsigned lines;
    bool odd; /* something is out of the ordinary: only the end is still to be found */
};

/* One line and its first "=". Answers false when its attribute was there before. */
INLINE bool take_line(struct policy_request *r, const char *line, const char *equals, const char *newline)
{
    enum policy_attribute a = attribute_of(line, (size_t)(equals - line));

    if (a == NO_ATTRIBUTE)
        return true;
    if (r->value[a].p != NULL)
        return false;
    r->value[a] = (struct slice){equals + 1, (size_t)(newline - equals) - 1};
    return true;
}

/*
 * The lines that end in the block at `at`, whose marks are m. Answers the end of the request, or NULL when it is not
 * among them.
 *
 * Adding a bit at the beginning of each line to ones where neither "=" nor newline stands carries it through the name
 * to the first of these, for all lines of the block at once.
 */
INLINE const char *read_block(struct policy_request *r, struct reading *reading, const char *at, struct marks m)
{
    const uint64_t empty = m.newline & (m.newline << 1 | (reading->line == at));
    const uint64_t starts = m.newline << 1 | (reading->equals == NULL), names = ~(m.newline | m.equals);
    const uint64_t found = ((starts & names) + names) | starts;
    const char *end = NULL, *equals = reading->equals;
    uint64_t first_equals = found & m.equals, nameless = found & m.newline, newlines = m.newline;

    if (__builtin_expect((nameless | empty) != 0, 0)) { /* once a request, at its end */
        if (empty != 0) {
            const uint64_t before = (empty & -empty) - 1;

            end = at + __builtin_ctzll(empty) + 1;
            newlines &= before;
            nameless &= before;
        }
        reading->odd |= nameless != 0;
    }
    reading->odd |= m.control;
    if (__builtin_expect(reading->odd, 0)) {
        if (newlines != 0)
            reading->line = at + MARKS_BYTES - __builtin_clzll(newlines);
        return end;
    }
    reading->lines += (unsigned)__builtin_popcountll(newlines);
    for (; newlines != 0; newlines &= newlines - 1) {
        const char *newline = at + __builtin_ctzll(newlines);

        if (equals == NULL) {
            equals = at + __builtin_ctzll(first_equals); /* there is one: no line is nameless */
            first_equals &= first_equals - 1;
        }
        if (!take_line(r, reading->line, equals, newline))
            reading->odd = true;
        reading->line = newline + 1;
        equals = NULL;
    }
    if (equals == NULL && first_equals != 0)
        equals = at + __builtin_ctzll(first_equals);
    reading->equals = equals;
    return end;
}

/*
 * Marks of what is behind the last whole block: left bytes, fewer than a block. Where there are blocks in front of them
 * they are read together with bytes that were read before.
 */
INLINE struct marks marks_of_rest(struct slice in, size_t left, marks_function *marks)
{
    struct marks m = {0, 0, false};

    if (in.n >= MARKS_BYTES) {
        m = marks(in.p + in.n - MARKS_BYTES);
        m.newline >>= MARKS_BYTES - left;
        m.equals >>= MARKS_BYTES - left;
    } else {
        char block[MARKS_BYTES];

        memset(block, ' ', sizeof block);
        memcpy(block, in.p, left);
        m = marks(block);
    }
    return m;
}

/* Answers the end of the request, NULL when it is not complete. *odd: its values are to be read the long way. */
INLINE const char *read_blocks(struct slice in, struct policy_request *r, bool *odd, marks_function *marks)
{
    struct reading reading = {.line = in.p};
    const char *p = in.p, *end = NULL;
    size_t left;

    for (left = in.n; left >= MARKS_BYTES && end == NULL; left -= MARKS_BYTES, p += MARKS_BYTES)
        end = read_block(r, &reading, p, marks(p));
    if (end == NULL && left > 0)
        end = read_block(r, &reading, p, marks_of_rest(in, left, marks));
    *odd = reading.odd || reading.lines > REQUEST_ATTRIBUTES_MAX;
    return end;
}

static const char *read_narrow(struct slice in, struct policy_request *r, bool *odd)
{
    return read_blocks(in, r, odd, marks_of);
}

MARKS_WIDE static const char *read_wide(struct slice in, struct policy_request *r, bool *odd)
{
    return read_blocks(in, r, odd, marks_of_wide);
}

size_t policy_request_read(struct slice in, struct policy_request *out)
{
    const char *end;
    bool odd;

    memset(out, 0, sizeof *out);
    end = marks_can_be_wide() ? read_wide(in, out, &odd) : read_narrow(in, out, &odd);
    if (end == NULL)
        return 0;
    in.n = (size_t)(end - in.p);
    if (odd || in.n > REQUEST_LINE_MAX)
        read_thoroughly(out, in);
    if (out->problem == REQUEST_FINE)
        read_values(out);
    return in.n;
}
