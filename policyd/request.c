#include "policyd/request.h"

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
#define SLOT_COUNT 64
#define SLOT(length, first) (((length)*3 + (first)) % SLOT_COUNT)
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

/* One line that is not empty. seen: the set of the attributes that were there before. */
static void read_line(struct policy_request *r, struct slice line, unsigned *seen)
{
    const char *equals;
    const struct attribute *a;
    struct slice name, value;

    if (line.n > REQUEST_LINE_MAX) {
        fail(r, REQUEST_LINE_TOO_LONG, line);
        return;
    }
    equals = memchr(line.p, '=', line.n);
    if (equals == NULL) {
        fail(r, REQUEST_NO_EQUALS, line);
        return;
    }
    name = (struct slice){line.p, (size_t)(equals - line.p)};
    a = attribute_find(name);
    if (a == NULL)
        return;
    value = (struct slice){equals + 1, line.n - name.n - 1}; /* values may hold "=": the first one divides */
    if ((*seen & 1u << a->id) != 0)
        fail(r, REQUEST_REPEATED, line);
    else if (!a->from_client && has_control(value))
        fail(r, REQUEST_CONTROL, line);
    *seen |= 1u << a->id;
    r->value[a->id] = value;
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

size_t policy_request_read(struct slice in, struct policy_request *out)
{
    const char *p = in.p, *const end = in.p + in.n;
    unsigned lines = 0, seen = 0;
    size_t used;

    memset(out, 0, sizeof *out);
    for (;;) {
        const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;

        if (newline == NULL)
            return 0;
        if (newline == p)
            break;
        if (++lines > REQUEST_ATTRIBUTES_MAX)
            fail(out, REQUEST_TOO_MANY_ATTRIBUTES, (struct slice){p, (size_t)(newline - p)});
        else
            read_line(out, (struct slice){p, (size_t)(newline - p)}, &seen);
        p = newline + 1;
    }
    used = (size_t)(p + 1 - in.p);
    if (memchr(in.p, '\0', used) != NULL)
        fail(out, REQUEST_NUL, (struct slice){NULL, 0});
    if (out->problem == REQUEST_FINE)
        read_values(out);
    return used;
}
