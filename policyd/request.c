#include "policyd/request.h"

/* ---- the attributes ---- */

#define NO_ATTRIBUTE ATTRIBUTE_COUNT

/* Which one is it? Most lines of a request are none of ours, which the name's length nearly always says. */
static enum policy_attribute attribute_of(const char *name, size_t n)
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

static void refuse_request(struct policy_request *r, enum request_problem problem, struct slice culprit)
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

/* One line that is not empty. */
static void request_read_line(struct policy_request *r, struct slice line)
{
    struct slice name, value;
    enum policy_attribute a;

    if (line.n > REQUEST_LINE_MAX) {
        refuse_request(r, REQUEST_LINE_TOO_LONG, line);
        return;
    }
    if (!slice_cut(line, '=', &name, &value)) { /* the value may hold more "=" */
        refuse_request(r, REQUEST_NO_EQUALS, line);
        return;
    }
    a = attribute_of(name.p, name.n);
    if (a == NO_ATTRIBUTE)
        return;
    if (r->value[a].p != NULL)
        refuse_request(r, REQUEST_REPEATED, line);
    r->value[a] = value;
}

static void check_controls(struct policy_request *r, struct slice whole)
{
    if (memchr(whole.p, '\0', whole.n) != NULL)
        refuse_request(r, REQUEST_NUL, (struct slice){NULL, 0});
    for (unsigned a = 0; a < ATTRIBUTE_COUNT; a++)
        if (!is_from_client(a) && has_control(r->value[a]))
            refuse_request(r, REQUEST_CONTROL, r->value[a]);
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
        refuse_request(r, REQUEST_NO_TYPE, r->value[ATTRIBUTE_REQUEST]);
        return;
    }
    if (!read_state(r)) {
        refuse_request(r, REQUEST_BAD_STATE, r->value[ATTRIBUTE_PROTOCOL_STATE]);
        return;
    }
    if (!read_number(r->value[ATTRIBUTE_SIZE], INT64_MAX, &size)) {
        refuse_request(r, REQUEST_BAD_NUMBER, r->value[ATTRIBUTE_SIZE]);
        return;
    }
    if (!read_number(r->value[ATTRIBUTE_RECIPIENT_COUNT], INT32_MAX, &recipients)) {
        refuse_request(r, REQUEST_BAD_NUMBER, r->value[ATTRIBUTE_RECIPIENT_COUNT]);
        return;
    }
    r->size = size;
    r->recipient_count = (uint32_t)recipients;
}

size_t policy_request_read(struct slice in, struct policy_request *out)
{
    struct slice rest = in, line;
    unsigned lines = 0;

    memset(out, 0, sizeof *out);
    while (slice_cut(rest, '\n', &line, &rest)) {
        if (line.n == 0) {
            in.n = (size_t)(rest.p - in.p);
            check_controls(out, in);
            if (out->problem == REQUEST_FINE)
                read_values(out);
            return in.n;
        }
        if (++lines > REQUEST_ATTRIBUTES_MAX)
            refuse_request(out, REQUEST_TOO_MANY_ATTRIBUTES, line);
        else
            request_read_line(out, line);
    }
    return 0;
}
