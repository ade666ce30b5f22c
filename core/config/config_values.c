#include "core/config/config_table.h"

#include "core/base/quote.h"

#include <stdio.h>
#include <unistr.h>

#define PATH_MAX_BYTES 1024
#define CHOICES_MAX 40

struct found setting_found(const config_setting_t *s)
{
    struct found f;
    struct buf b = BUF_OVER(f.text);

    switch (config_setting_type(s)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        buf_addf(&b, "the number %lld", config_setting_get_int64(s));
        break;
    case CONFIG_TYPE_FLOAT:
        buf_addf(&b, "the number %g", config_setting_get_float(s));
        break;
    case CONFIG_TYPE_BOOL:
        buf_addf(&b, "%s", config_setting_get_bool(s) ? "true" : "false");
        break;
    case CONFIG_TYPE_STRING:
        buf_addf(&b, "the text \"%s\"", quote(slice_of(config_setting_get_string(s))).text);
        break;
    case CONFIG_TYPE_GROUP:
        buf_add(&b, SLICE("a group { ... }"));
        break;
    case CONFIG_TYPE_ARRAY:
        buf_add(&b, SLICE("an array [ ... ]"));
        break;
    default:
        buf_add(&b, SLICE("a list ( ... )"));
    }
    return f;
}

/* ---- lists of texts ---- */

int setting_texts(const struct reader *r, const config_setting_t *s, unsigned most, unsigned *n)
{
    *n = 0;
    if (s == NULL)
        return 0;
    if (config_setting_type(s) == CONFIG_TYPE_STRING) {
        *n = 1;
        return 0;
    }
    if (!config_setting_is_list(s) && !config_setting_is_array(s))
        return setting_error(r, s, "found %s; expected a list of texts: [\"...\", \"...\"]", setting_found(s).text);
    if (config_setting_length(s) > (int)most)
        return setting_error(r, s, "%d entries; at most %u are allowed here", config_setting_length(s), most);
    *n = (unsigned)config_setting_length(s);
    return 0;
}

const config_setting_t *setting_texts_element(const config_setting_t *s, unsigned i)
{
    return config_setting_type(s) == CONFIG_TYPE_STRING ? s : config_setting_get_elem(s, i);
}

/* ---- scalars ---- */

static const char *wanted(const struct setting *row)
{
    switch (row->kind) {
    case SETTING_BOOL:
        return "true or false, without quotes";
    case SETTING_NUMBER:
        return "a whole number, without quotes";
    case SETTING_DURATION:
        return "a duration in quotes, such as \"90s\", \"15m\", \"2d\"";
    case SETTING_PATH:
        return "a file name in quotes";
    default:
        return "a text in quotes";
    }
}

int setting_text(const struct reader *r, const config_setting_t *s, const struct setting *row, struct slice *text)
{
    *text = slice_of(row->standard);
    if (s == NULL)
        return 0;
    if (config_setting_type(s) != CONFIG_TYPE_STRING)
        return setting_error(r, s, "found %s; expected %s%s%s", setting_found(s).text, wanted(row),
                             row->allowed != NULL ? ": " : "", row->allowed != NULL ? row->allowed : "");
    *text = slice_of(config_setting_get_string(s));
    for (size_t i = 0; i < text->n; i++)
        if ((unsigned char)text->p[i] < 0x20 || text->p[i] == 0x7f)
            return setting_error(r, s, "\"%s\" holds a control character", quote(*text).text);
    if (u8_check((const uint8_t *)text->p, text->n) != NULL)
        return setting_error(r, s, "\"%s\" is not UTF-8", quote(*text).text);
    return 0;
}

static void store_integer(void *at, size_t size, uint64_t value)
{
    uint8_t small = (uint8_t)value;
    uint32_t middle = (uint32_t)value;

    if (size == sizeof small)
        memcpy(at, &small, sizeof small);
    else if (size == sizeof middle)
        memcpy(at, &middle, sizeof middle);
    else
        memcpy(at, &value, sizeof value);
}

static void store_text(void *at, const char *text)
{
    memcpy(at, &text, sizeof text);
}

static int range_error(const struct reader *r, const config_setting_t *s, const struct setting *row)
{
    return setting_error(r, s, "found %s; expected a whole number from %llu to %llu", setting_found(s).text,
                         (unsigned long long)row->least, (unsigned long long)row->most);
}

static int read_number(const struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    unsigned long long value = 0;
    int type = s != NULL ? config_setting_type(s) : CONFIG_TYPE_NONE;

    if (s == NULL) {
        (void)slice_to_u64(slice_of(row->standard), UINT64_MAX, &value);
    } else {
        if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
            return setting_error(r, s, "found %s; expected %s, from %llu to %llu", setting_found(s).text, wanted(row),
                                 (unsigned long long)row->least, (unsigned long long)row->most);
        if (config_setting_get_int64(s) < 0)
            return range_error(r, s, row);
        value = (unsigned long long)config_setting_get_int64(s);
        if (value < row->least || value > row->most)
            return range_error(r, s, row);
    }
    store_integer(at, row->size, value);
    return 0;
}

static int read_bool(const struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    bool value = row->standard != NULL && strcmp(row->standard, "true") == 0;

    if (s != NULL && config_setting_type(s) != CONFIG_TYPE_BOOL)
        return setting_error(r, s, "found %s; expected %s", setting_found(s).text, wanted(row));
    if (s != NULL)
        value = config_setting_get_bool(s) != 0;
    store_integer(at, row->size, value);
    return 0;
}

const struct choice *choice_find(const struct choice *choices, struct slice name, struct error *e)
{
    const char *names[CHOICES_MAX], *meant;
    char text[400];
    struct buf b = BUF_OVER(text);
    size_t n = 0;

    for (; n < CHOICES_MAX && choices[n].name != NULL; n++) {
        if (slice_eq(name, slice_of(choices[n].name)))
            return &choices[n];
        names[n] = choices[n].name;
        buf_addf(&b, "%s\"%s\"", n > 0 ? ", " : "", names[n]);
    }
    meant = config_suggest(name, names, n);
    if (meant != NULL)
        (void)error_set(e, "\"%s\" is not known here; did you mean \"%s\"? Allowed: %s", quote(name).text, meant, text);
    else
        (void)error_set(e, "\"%s\" is not known here; allowed: %s", quote(name).text, text);
    return NULL;
}

int setting_choices(struct reader *r, const config_setting_t *s, const struct setting *row,
                    const struct choice *choices, unsigned most, unsigned *set)
{
    unsigned n;

    if (setting_texts(r, s, most, &n) != 0)
        return -1;
    *set = 0;
    for (unsigned i = 0; i < n; i++) {
        const config_setting_t *element = setting_texts_element(s, i);
        const struct choice *choice;
        struct slice text;

        if (setting_text(r, element, row, &text) != 0)
            return -1;
        if ((choice = choice_find(choices, text, r->e)) == NULL)
            return setting_error_around(r, element);
        *set |= choice->value;
    }
    return 0;
}

static int parse_duration(const struct setting *row, struct slice text, void *at, struct error *e)
{
    char bounds[80];
    struct buf b = BUF_OVER(bounds);
    uint64_t seconds;

    if (duration_parse(text, &seconds, e) != 0)
        return -1;
    if (seconds < row->least || seconds > row->most) {
        duration_add(&b, row->least);
        buf_add(&b, SLICE(" to "));
        duration_add(&b, row->most);
        return error_set(e, "\"%s\" is out of range; allowed: %s", quote(text).text, bounds);
    }
    store_integer(at, row->size, seconds);
    return 0;
}

int parse_path(struct reader *r, struct slice text, void *at, struct error *e)
{
    char path[PATH_MAX_BYTES];
    struct buf b = BUF_OVER(path);
    const char *kept;

    if (text.n == 0)
        return error_set(e, "an empty file name; leave the setting out instead");
    if (text.p[0] != '/')
        buf_addf(&b, "%s/", r->folder);
    buf_add(&b, text);
    if (b.full)
        return error_set(e, "a file name of more than %d bytes", PATH_MAX_BYTES - 1);
    if ((kept = config_keep(r, buf_slice(&b))) == NULL)
        return -1;
    store_text(at, kept);
    return 0;
}

static int parse_choice(const struct setting *row, struct slice text, void *at, struct error *e)
{
    const struct choice *choice = choice_find(row->choices, text, e);

    if (choice == NULL)
        return -1;
    store_integer(at, row->size, choice->value);
    return 0;
}

static int parse_text(struct reader *r, const struct setting *row, struct slice text, void *at)
{
    switch (row->kind) {
    case SETTING_DURATION:
        return parse_duration(row, text, at, r->e);
    case SETTING_CHOICE:
        return parse_choice(row, text, at, r->e);
    case SETTING_PATH:
        return parse_path(r, text, at, r->e);
    default:
        return row->parse(r, text, at, r->e);
    }
}

int setting_scalar(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct slice text;

    if (s == NULL && row->standard == NULL)
        return 0;
    if (row->kind == SETTING_NUMBER)
        return read_number(r, s, row, at);
    if (row->kind == SETTING_BOOL)
        return read_bool(r, s, row, at);
    if (setting_text(r, s, row, &text) != 0)
        return -1;
    return parse_text(r, row, text, at) == 0 ? 0 : setting_error_around(r, s);
}

int parse_name(struct reader *r, struct slice text, void *at, struct error *e)
{
    const char *kept;

    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("._-", c) != NULL))
            text.n = 0;
    }
    if (text.n == 0 || text.n > 63)
        return error_set(e, "a name has 1 to 63 letters (a-z), digits, \".\", \"_\" and \"-\"");
    if ((kept = config_keep(r, text)) == NULL)
        return -1;
    store_text(at, kept);
    return 0;
}
