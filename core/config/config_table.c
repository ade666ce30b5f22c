#include "core/config/config_table.h"

#include "core/base/quote.h"

#include <stdarg.h>
#include <stdio.h>

#define NAMES_MAX 64 /* settings of one section, or listed in a hint */

/* ---- where a setting is ---- */

/* An element's own name, if it has one: limits[message-rate] says more than limits[3]. */
static struct slice element_name(const config_setting_t *s)
{
    const char *name = NULL;

    if (!config_setting_is_group(s) || config_setting_lookup_string(s, "name", &name) != CONFIG_TRUE || name == NULL)
        return (struct slice){NULL, 0};
    return slice_of(name);
}

static void path_add(struct buf *b, const config_setting_t *s)
{
    const config_setting_t *parent = config_setting_parent(s);
    struct slice name;

    if (parent == NULL)
        return;
    path_add(b, parent);
    if (config_setting_name(s) != NULL) {
        if (b->n > 0)
            buf_add_char(b, '.');
        buf_add_escaped(b, slice_of(config_setting_name(s)), 64);
        return;
    }
    name = element_name(s);
    buf_add_char(b, '[');
    if (name.n > 0)
        buf_add_escaped(b, name, 64);
    else
        buf_add_u64(b, (unsigned)config_setting_index(s) + 1);
    buf_add_char(b, ']');
}

void setting_path(const config_setting_t *s, char *out, size_t cap)
{
    struct buf b = buf_over(out, cap);

    path_add(&b, s);
}

/* Prefixes the error with "FILE:LINE: setting: ". libconfig names the file only for included settings. */
static int locate(const struct reader *r, const config_setting_t *s)
{
    char path[SETTING_PATH_MAX];
    const char *file;

    if (s == NULL)
        return error_prefix(r->e, "%s", quote(slice_of(r->path)).text);
    file = config_setting_source_file(s) != NULL ? config_setting_source_file(s) : r->path;
    setting_path(s, path, sizeof path);
    if (path[0] == '\0')
        return error_prefix(r->e, "%s", quote(slice_of(file)).text);
    return error_prefix(r->e, "%s:%u: %s", quote(slice_of(file)).text, (unsigned)config_setting_source_line(s), path);
}

int setting_error(const struct reader *r, const config_setting_t *s, const char *format, ...)
{
    va_list args;

    if (r->e == NULL)
        return -1;
    va_start(args, format);
    (void)vsnprintf(r->e->text, sizeof r->e->text, format, args);
    va_end(args);
    return locate(r, s);
}

const config_setting_t *setting_member(const config_setting_t *s, const char *name)
{
    const config_setting_t *m = config_setting_get_member(s, name);

    return m != NULL ? m : s;
}

int setting_error_around(const struct reader *r, const config_setting_t *s)
{
    return locate(r, s);
}

/* ---- walking over the tables ---- */

static void each_below(const struct section *section, const char *above, unsigned depth,
                       void (*each)(void *arg, const char *path, const struct setting *row), void *arg)
{
    for (size_t i = 0; i < section->n_rows && depth < 8; i++) {
        const struct setting *row = &section->rows[i];
        char path[SETTING_PATH_MAX];

        (void)snprintf(path, sizeof path, "%s%s%s", above, above[0] != '\0' ? "." : "", row->name);
        each(arg, path, row);
        if (row->section != NULL)
            each_below(row->section, path, depth + 1, each, arg);
    }
}

void section_each(const struct section *section, void (*each)(void *arg, const char *path, const struct setting *row),
                  void *arg)
{
    each_below(section, "", 0, each, arg);
}

static const struct setting *row_named(const struct section *section, const char *name)
{
    for (size_t i = 0; i < section->n_rows; i++)
        if (strcmp(section->rows[i].name, name) == 0)
            return &section->rows[i];
    return NULL;
}

/* A search for the section to which a misplaced setting belongs. */
struct elsewhere {
    const char *name;
    char path[SETTING_PATH_MAX];
};

static void look_elsewhere(void *arg, const char *path, const struct setting *row)
{
    struct elsewhere *search = arg;

    if (search->path[0] == '\0' && strcmp(row->name, search->name) == 0)
        (void)snprintf(search->path, sizeof search->path, "%s", path);
}

static int unknown_setting(const struct reader *r, const config_setting_t *s, const struct section *section)
{
    struct elsewhere search = {.name = config_setting_name(s), .path = ""};
    const char *names[NAMES_MAX], *meant;
    char text[512];
    struct buf b = BUF_OVER(text);
    size_t n = 0;

    for (; n < section->n_rows && n < NAMES_MAX; n++)
        names[n] = section->rows[n].name;
    meant = config_suggest(slice_of(config_setting_name(s)), names, n);
    if (meant == NULL)
        section_each(&config_section, look_elsewhere, &search);
    buf_add(&b, SLICE("unknown setting"));
    if (meant != NULL)
        buf_addf(&b, "; did you mean \"%s\"?", meant);
    else if (search.path[0] != '\0')
        buf_addf(&b, "; its place is %s.", search.path);
    else
        buf_add_char(&b, '.');
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%s", i > 0 ? ", " : " Known here: ", names[i]);
    return setting_error(r, s, "%s", text);
}

/* ---- reading ---- */

static int read_section(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    if (s != NULL && !config_setting_is_group(s))
        return setting_error(r, s, "found %s; expected a group: { ... }", setting_found(s).text);
    return section_read(r, s, row->section, at);
}

static int check_list(const struct reader *r, const config_setting_t *s, const struct setting *row)
{
    if (!config_setting_is_list(s) && !(config_setting_is_array(s) && config_setting_length(s) == 0))
        return setting_error(r, s, "found %s; expected a list of groups: ( { ... }, { ... } )", setting_found(s).text);
    if (config_setting_length(s) > (int)row->section->most)
        return setting_error(r, s, "%d entries; at most %u are allowed", config_setting_length(s), row->section->most);
    return 0;
}

static int read_sections(struct reader *r, const config_setting_t *s, const struct setting *row, void *target)
{
    size_t size = row->section->size, n;
    char *array;

    if (s == NULL)
        return 0;
    if (check_list(r, s, row) != 0)
        return -1;
    n = (size_t)config_setting_length(s);
    if (n == 0)
        return 0;
    if ((array = config_alloc(r, n, size)) == NULL)
        return -1;
    /* Stored before it is filled, so that config_free finds what the elements own. */
    memcpy((char *)target + row->offset, &array, sizeof array);
    memcpy((char *)target + row->count_offset, &n, sizeof n);
    for (size_t i = 0; i < n; i++) {
        const config_setting_t *element = config_setting_get_elem(s, (unsigned)i);

        if (!config_setting_is_group(element))
            return setting_error(r, element, "found %s; expected a group: { ... }", setting_found(element).text);
        if (section_read(r, element, row->section, array + i * size) != 0)
            return -1;
    }
    return 0;
}

static int read_row(struct reader *r, const config_setting_t *s, const struct setting *row, void *target)
{
    void *at = (char *)target + row->offset;

    switch (row->kind) {
    case SETTING_SECTION:
        return read_section(r, s, row, at);
    case SETTING_SECTIONS:
        return read_sections(r, s, row, target);
    case SETTING_OWN:
        return row->read(r, s, row, at);
    case SETTING_PATH:
    case SETTING_BOOL:
    case SETTING_CHOICE:
    case SETTING_NUMBER:
    case SETTING_DURATION:
    case SETTING_PARSED:
        break;
    }
    return setting_scalar(r, s, row, at);
}

int section_read(struct reader *r, const config_setting_t *s, const struct section *section, void *target)
{
    for (int i = 0; s != NULL && i < config_setting_length(s); i++) {
        const config_setting_t *member = config_setting_get_elem(s, (unsigned)i);

        if (row_named(section, config_setting_name(member)) == NULL)
            return unknown_setting(r, member, section);
    }
    for (size_t i = 0; i < section->n_rows; i++) {
        const struct setting *row = &section->rows[i];
        const config_setting_t *member = s != NULL ? config_setting_get_member(s, row->name) : NULL;

        if (member == NULL && row->required)
            return setting_error(r, s, "the setting \"%s\" is missing here", row->name);
        if (read_row(r, member, row, target) != 0)
            return -1;
    }
    return section->check != NULL ? section->check(r, s, target) : 0;
}
