#include "sasl/line.h"

#define MAJOR_VERSION SLICE("1")
#define SOH '\001'

static const struct command {
    struct slice name;
    enum line_command command;
} commands[] = {
    {{"VERSION", 7}, LINE_VERSION}, {{"DONE", 4}, LINE_DONE}, {{"AUTH", 4}, LINE_AUTH}, {{"CONT", 4}, LINE_CONT},
    {{"CANCEL", 6}, LINE_CANCEL},   {{"OK", 2}, LINE_OK},     {{"FAIL", 4}, LINE_FAIL},
};

/* In one spelling, since both sides read it in ways of their own: strtoul would take 010 for 8. */
static bool read_id(struct slice text, uint32_t *id)
{
    unsigned long long number;

    if (text.n == 0 || text.p[0] == '0' || !slice_to_u64(text, UINT32_MAX, &number))
        return false;
    *id = (uint32_t)number;
    return true;
}

enum line_problem line_read(struct slice text, struct line *out)
{
    struct slice name, rest, field;

    *out = (struct line){.command = LINE_OTHER};
    if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
        return LINE_HAS_NUL;
    (void)slice_cut(text, '\t', &name, &rest);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (slice_eq(name, commands[i].name))
            out->command = commands[i].command;
    (void)slice_cut(rest, '\t', &field, &out->rest);
    if (out->command == LINE_VERSION && !slice_eq(field, MAJOR_VERSION))
        return LINE_BAD_VERSION;
    return out->command >= LINE_AUTH && !read_id(field, &out->id) ? LINE_BAD_ID : LINE_FINE;
}

/* ---- AUTH ---- */

static bool is_mechanism(struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return text.n > 0 && text.n <= MECHANISM_MAX;
}

enum line_problem line_read_auth(struct slice rest, struct auth_parameters *out)
{
    struct slice parameter, name, value;

    *out = (struct auth_parameters){.has_client = false};
    (void)slice_cut(rest, '\t', &out->mechanism, &rest);
    if (!is_mechanism(out->mechanism))
        return LINE_BAD_MECHANISM;
    while (rest.n > 0 && !slice_starts_with(rest, SLICE("resp="))) {
        (void)slice_cut(rest, '\t', &parameter, &rest);
        (void)slice_cut(parameter, '=', &name, &value);
        if (slice_eq(name, SLICE("rip")))
            out->has_client = ip_parse(value, &out->client);
        else if (slice_eq(name, SLICE("secured")))
            out->secured = true;
    }
    return LINE_FINE;
}

struct slice line_mechanism(struct slice beginning)
{
    struct slice name, rest, mechanism;

    if (!slice_cut(beginning, '\t', &name, &rest) || !slice_eq(name, SLICE("AUTH")) ||
        !slice_cut(rest, '\t', NULL, &rest) || !slice_cut(rest, '\t', &mechanism, NULL))
        return (struct slice){NULL, 0};
    return mechanism;
}

/* ---- OK and FAIL ---- */

/* "temp" is what Dovecot 2.1 and older write. */
static bool is_temporary(struct slice name, struct slice value)
{
    return slice_eq(name, SLICE("temp")) || (slice_eq(name, SLICE("code")) && slice_eq(value, SLICE("temp_fail")));
}

enum line_problem line_read_answer(struct slice rest, struct answer_parameters *out)
{
    struct slice parameter, name, value;

    *out = (struct answer_parameters){.has_reason = false};
    while (rest.n > 0) {
        (void)slice_cut(rest, '\t', &parameter, &rest);
        (void)slice_cut(parameter, '=', &name, &value);
        out->temporary |= is_temporary(name, value);
        out->has_reason |= slice_eq(name, SLICE("reason"));
        if (!slice_eq(name, SLICE("user")))
            continue;
        if (value.n > LINE_USER_MAX || (out->user.n > 0 && !slice_eq(value, out->user)))
            return LINE_BAD_USER;
        out->user = value;
    }
    return LINE_FINE;
}

/* A character of its own stands for itself, as in Dovecot's str_tabunescape. */
static char unescaped(char c)
{
    static const char from[] = "01trn", to[] = {'\0', SOH, '\t', '\r', '\n'};
    const char *at = memchr(from, c, sizeof from - 1);

    return at != NULL ? to[at - from] : c;
}

struct slice line_unescape(struct slice value, char *mem)
{
    size_t n = 0;

    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == SOH && i + 1 < value.n)
            mem[n++] = unescaped(value.p[++i]);
        else if (value.p[i] != SOH) /* a last one stands for nothing */
            mem[n++] = value.p[i];
    }
    return (struct slice){mem, n};
}
