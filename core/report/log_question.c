#include "core/report/log_question.h"

#include <string.h>

static const char *const allowed[] = {"user", "client", "verdict", "reason", "limit", "stage", "since", "lines"};

static bool is_one_line(struct slice value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
            return false;
    return value.n > 0;
}

static bool is_allowed(struct slice name)
{
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (slice_eq(name, slice_of(allowed[i])))
            return true;
    return false;
}

bool log_question_add(struct buf *b, const char *name, const char *value)
{
    if (!is_allowed(slice_of(name)) || !is_one_line(slice_of(value)))
        return false;
    buf_addf(b, "--%s=", name);
    buf_add(b, slice_of(value));
    buf_add_char(b, '\n');
    return !b->full;
}

int log_question_options(char *text, const char *options[LOG_QUESTION_OPTIONS])
{
    struct slice option, name, value;
    unsigned n = 0;

    for (char *end; *text != '\0'; text = end + 1) {
        if ((end = strchr(text, '\n')) == NULL || n == LOG_QUESTION_OPTIONS)
            return -1;
        *end = '\0';
        option = slice_of(text);
        if (!slice_starts_with(option, SLICE("--")) ||
            !slice_cut((struct slice){option.p + 2, option.n - 2}, '=', &name, &value) || !is_allowed(name) ||
            !is_one_line(value))
            return -1;
        options[n++] = text;
    }
    return (int)n;
}
