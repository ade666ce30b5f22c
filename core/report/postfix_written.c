/* Where a setting of Postfix is written. */
#include "core/base/lines.h"
#include "core/report/postfix_config.h"
#include "core/report/postfix_words.h"

#include <stdio.h>
#include <stdlib.h>

static bool continues(struct slice line)
{
    return line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
}

static unsigned line_in_main(const char *path, struct slice parameter)
{
    struct slice text, line, rest, name;
    unsigned number = 0, found = 0;
    struct error e;

    if (lines_load(path, &text, &e) != 0)
        return 0;
    for (rest = text; rest.n > 0;) {
        (void)slice_cut(rest, '\n', &line, &rest);
        number++;
        if (!continues(line) && slice_cut(line, '=', &name, NULL) && slice_eq(slice_trim(name), parameter))
            found = number;
    }
    free((char *)text.p);
    return found;
}

/* The number of the line of a service in master.cf, or of its "-o parameter=". */
static unsigned line_in_master(const char *path, const struct postfix_service *service, struct slice parameter)
{
    struct slice text, line, rest;
    unsigned number = 0, found = 0;
    bool inside = false;
    struct error e;

    if (lines_load(path, &text, &e) != 0)
        return 0;
    for (rest = text; rest.n > 0;) {
        struct slice words, word, name = {NULL, 0}, type = {NULL, 0}, option;

        (void)slice_cut(rest, '\n', &line, &rest);
        number++;
        words = line;
        if (line.n > 0 && line.p[0] != '#' && !continues(line)) {
            (void)(postfix_word(&words, &name) && postfix_word(&words, &type));
            inside = slice_eq(name, service->name) && slice_eq(type, service->type);
            found = inside ? number : found;
        }
        while (inside && line.n > 0 && line.p[0] != '#' && postfix_word(&words, &word))
            if (slice_eq(word, SLICE("-o")) && postfix_word(&words, &word)) {
                (void)slice_cut(postfix_unbraced(word), '=', &option, NULL);
                found = slice_eq(slice_trim(option), parameter) ? number : found;
            }
    }
    free((char *)text.p);
    return found;
}

unsigned postfix_line_in_main(const struct postfix *p, struct slice parameter)
{
    char path[1024];

    (void)snprintf(path, sizeof path, "%.*s/main.cf", SLICE_ARG(postfix_get(p, NULL, "config_directory")));
    return line_in_main(path, parameter);
}

static const char *place_in_main(const struct postfix *p, struct slice name, char out[POSTFIX_PLACE_MAX])
{
    struct buf b = buf_over(out, POSTFIX_PLACE_MAX);
    unsigned line = postfix_line_in_main(p, name);

    buf_add(&b, SLICE("main.cf"));
    if (line > 0)
        buf_addf(&b, ":%u", line);
    buf_add_char(&b, ' ');
    buf_add_escaped(&b, name, 100);
    return out;
}

#define REFERENCES_MAX 8u /* "$a", where a is "$b"; ends a loop */

/* "$name" and nothing else; *name only then. */
static bool is_reference(struct slice value, struct slice *name)
{
    if (value.n < 2 || value.p[0] != '$')
        return false;
    for (size_t i = 1; i < value.n; i++) {
        char c = value.p[i];

        if (!(ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    *name = (struct slice){value.p + 1, value.n - 1};
    return true;
}

/* Where the effective setting is written: its name there, and whether that is an "-o" of the service. */
struct setting_origin {
    struct slice name;
    bool own;
};

static struct setting_origin origin_of(const struct postfix *p, const struct postfix_service *service, const char *name)
{
    const struct postfix_setting *raw =
        service != NULL ? postfix_last_of(service->raw, service->n_raw, slice_of(name)) : NULL;
    struct setting_origin origin = {.name = slice_of(name), .own = raw != NULL};

    for (size_t steps = 0; steps < REFERENCES_MAX; steps++) {
        if (raw == NULL)
            raw = postfix_last_of(p->raw, p->n_raw, origin.name);
        if (raw == NULL || !is_reference(raw->value, &origin.name))
            break;
        origin.own = false;
        raw = NULL;
    }
    return origin;
}

const char *postfix_place(const struct postfix *p, const struct postfix_service *service, const char *name,
                          char out[POSTFIX_PLACE_MAX])
{
    struct setting_origin origin = {.own = true};
    struct buf b = buf_over(out, POSTFIX_PLACE_MAX);
    char path[1024];
    unsigned line;

    if (name != NULL)
        origin = origin_of(p, service, name);
    if (!origin.own)
        return place_in_main(p, origin.name, out);
    (void)snprintf(path, sizeof path, "%.*s/master.cf", SLICE_ARG(postfix_get(p, NULL, "config_directory")));
    line = line_in_master(path, service, slice_of(name));
    buf_add(&b, SLICE("master.cf"));
    if (line > 0)
        buf_addf(&b, ":%u", line);
    buf_add_char(&b, ' ');
    buf_add_escaped(&b, service->name, 60);
    if (name != NULL)
        buf_addf(&b, " -o %s", name);
    return out;
}

struct slice postfix_written(const struct postfix *p, const struct postfix_service *service, const char *name)
{
    struct setting_origin origin = origin_of(p, service, name);
    const struct postfix_setting *raw = origin.own ? postfix_last_of(service->raw, service->n_raw, origin.name)
                                                   : postfix_last_of(p->raw, p->n_raw, origin.name);

    return raw != NULL ? raw->value : (struct slice){NULL, 0};
}

/* ---- commands ---- */

void postfix_add_quoted(struct buf *b, struct slice text)
{
    buf_add_char(b, '\'');
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\'')
            buf_add(b, SLICE("'\\''"));
        else
            buf_add_char(b, text.p[i]);
    buf_add_char(b, '\'');
}

/* A word that was composed; if it was cut, the command counts as cut, too. */
static void add_quoted_buf(struct buf *b, const struct buf *word)
{
    postfix_add_quoted(b, buf_slice(word));
    b->full = b->full || word->full;
}

static void add_tool(struct buf *b, const struct postfix *p, const char *tool)
{
    if (b->n > 0)
        buf_add(b, SLICE(" && "));
    buf_add(b, slice_of(tool));
    if (p->folder != NULL) {
        buf_add(b, SLICE(" -c "));
        postfix_add_quoted(b, slice_of(p->folder));
    }
}

/* postconf -P takes no blanks: commas do the same between the words of a list. */
static void add_without_blanks(struct buf *b, struct slice value)
{
    struct slice word;
    bool more = false;

    while (postfix_word(&value, &word)) {
        if (more)
            buf_add_char(b, ',');
        b->full = b->full || memchr(word.p, ' ', word.n) != NULL; /* needs braces, which postconf -P can't set */
        buf_add(b, word);
        more = true;
    }
}

/* 'submission/inet/smtpd_milters=$postern_milter' */
static void add_own(struct buf *b, const struct postfix_service *service, const char *name, struct slice value)
{
    char text[POSTFIX_COMMAND_MAX];
    struct buf setting = BUF_OVER(text);

    buf_addf(&setting, "%.*s/%.*s/%s=", SLICE_ARG(service->name), SLICE_ARG(service->type), name);
    add_without_blanks(&setting, value);
    buf_add_char(b, ' ');
    add_quoted_buf(b, &setting);
}

void postfix_add_set_own(struct buf *b, const struct postfix *p, const struct postfix_service *service,
                         const struct postfix_own *settings, size_t n)
{
    add_tool(b, p, "postconf");
    buf_add(b, SLICE(" -P"));
    for (size_t i = 0; i < n; i++)
        add_own(b, service, settings[i].name, slice_of(settings[i].value));
}

void postfix_add_set(struct buf *b, const struct postfix *p, const struct postfix_service *service, const char *name,
                     struct slice value)
{
    struct setting_origin origin = origin_of(p, service, name);
    char text[POSTFIX_COMMAND_MAX];
    struct buf setting = BUF_OVER(text);

    if (origin.own) {
        add_tool(b, p, "postconf");
        buf_add(b, SLICE(" -P"));
        add_own(b, service, name, value);
        return;
    }
    buf_addf(&setting, "%.*s =%s%.*s", SLICE_ARG(origin.name), value.n > 0 ? " " : "", SLICE_ARG(value));
    add_tool(b, p, "postconf");
    buf_add(b, SLICE(" -e "));
    add_quoted_buf(b, &setting);
}

void postfix_add_unset(struct buf *b, const struct postfix *p, const struct postfix_service *service, const char *name)
{
    struct setting_origin origin = origin_of(p, service, name);
    char text[POSTFIX_COMMAND_MAX];
    struct buf setting = BUF_OVER(text);

    if (origin.own)
        buf_addf(&setting, "%.*s/%.*s/", SLICE_ARG(service->name), SLICE_ARG(service->type));
    buf_add(&setting, origin.name);
    add_tool(b, p, "postconf");
    buf_add(b, origin.own ? SLICE(" -PX ") : SLICE(" -X "));
    add_quoted_buf(b, &setting);
}

void postfix_add_unchroot(struct buf *b, const struct postfix *p, const struct postfix_service *service)
{
    char text[POSTFIX_COMMAND_MAX];
    struct buf field = BUF_OVER(text);

    buf_addf(&field, "%.*s/%.*s/chroot=n", SLICE_ARG(service->name), SLICE_ARG(service->type));
    add_tool(b, p, "postconf");
    buf_add(b, SLICE(" -F "));
    add_quoted_buf(b, &field);
}

/* One side of sed's s|||: special characters get a backslash. */
static void add_for_sed(struct buf *b, struct slice text, const char *special)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr(special, text.p[i]) != NULL)
            buf_add_char(b, '\\');
        buf_add_char(b, text.p[i]);
    }
}

void postfix_add_replace(struct buf *b, const struct postfix *p, struct slice from, struct slice to)
{
    static const char *const files[] = {"main.cf", "master.cf"};
    struct slice folder = postfix_get(p, NULL, "config_directory");
    char text[POSTFIX_COMMAND_MAX];
    struct buf script = BUF_OVER(text);

    buf_add(&script, SLICE("s|"));
    add_for_sed(&script, from, "[]*.^$|\\");
    buf_add_char(&script, '|');
    add_for_sed(&script, to, "|&\\");
    buf_add_char(&script, '|');
    if (b->n > 0)
        buf_add(b, SLICE(" && "));
    buf_add(b, SLICE("sed -i "));
    add_quoted_buf(b, &script);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[1024];

        (void)snprintf(path, sizeof path, "%.*s/%s", SLICE_ARG(folder), files[i]);
        buf_add_char(b, ' ');
        postfix_add_quoted(b, slice_of(path));
    }
}

void postfix_add_reload(struct buf *b, const struct postfix *p)
{
    add_tool(b, p, "postfix");
    buf_add(b, SLICE(" reload"));
}
