#include "core/mail/headers.h"

#include "core/mail/header_from.h"

#include <stdlib.h>

static const struct slice field_names[] = {
    [HEADER_FROM] = {"From", 4},
    [HEADER_SENDER] = {"Sender", 6},
    [HEADER_RESENT_FROM] = {"Resent-From", 11},
    [HEADER_RESENT_SENDER] = {"Resent-Sender", 13},
};
#define FIELDS (sizeof field_names / sizeof field_names[0])

const char *header_field_name(enum header_field field)
{
    return field_names[field].p;
}

/* Keeps the first bad field, which is the one reported. */
static void mark_bad(struct headers *h, enum header_field field, const char *why, struct slice value)
{
    if (h->bad != NULL)
        return;
    h->bad = why;
    h->bad_field = field;
    value = slice_trim(value);
    h->bad_n = (uint16_t)(value.n < sizeof h->bad_text ? value.n : sizeof h->bad_text);
    if (h->bad_n > 0)
        memcpy(h->bad_text, value.p, h->bad_n);
}

/* What went wrong, or NULL. */
static const char *headers_keep(struct headers *h, enum header_field field, const struct address *address)
{
    if (h->n == FROM_MAX_ADDRESSES)
        return "too many addresses";
    if (h->n == h->capacity) {
        size_t capacity = h->capacity == 0 ? 2 : h->capacity * 2;
        struct header_address *list = realloc(h->list, capacity * sizeof *list);

        if (list == NULL)
            return "out of memory";
        h->list = list;
        h->capacity = capacity;
    }
    h->list[h->n].field = field;
    address_copy(address, &h->list[h->n].address);
    h->n++;
    return NULL;
}

/*
 * Longer lines are broken in transit: Postfix inserts a line end and a blank after this many octets
 * (smtp_line_length_limit; RFC 5322 2.1.1), even after a backslash in a quoted string, which then ends elsewhere than
 * seen here.
 */
#define HEADER_LINE_MAX 998

/* Is one of the field's lines that long? The first begins with the name, ":" and a blank. */
static bool has_long_line(struct slice name, struct slice value)
{
    size_t before = name.n + 2;
    struct slice line;
    bool more;

    do {
        more = slice_cut(value, '\n', &line, &value);
        if (before + line.n > HEADER_LINE_MAX)
            return true;
        before = 0;
    } while (more);
    return false;
}

/*
 * Programs put the name of an account in Sender ("www-data", "root@web1"). That is nobody's address, unless another "@"
 * in the field could be read as one. A From needs an address.
 */
static bool is_nobodys(enum header_field field, const struct address *a, struct slice value)
{
    struct slice domain = address_domain(a);

    if (value.n == 0 || (domain.n > 0 && memchr(domain.p, '.', domain.n) != NULL))
        return false;
    return field != HEADER_FROM && memchr(value.p, '@', value.n) == memrchr(value.p, '@', value.n);
}

static void read_field(struct headers *h, enum header_field field, struct slice value)
{
    const uint8_t kind = (uint8_t)(1u << field);
    struct header_from walk;
    struct address address;
    const char *why = NULL;

    header_from_start(&walk, value);
    while (why == NULL && header_from_next(&walk, &address, &why) == FROM_ADDRESS)
        why = is_nobodys(field, &address, value) ? NULL : headers_keep(h, field, &address);
    /* In a reader that joins repeated fields, an unclosed quote runs on into the next field. */
    if (why == NULL && (h->kinds & kind) != 0 && (walk.reading == READING_RAW || (h->raw_kinds & kind) != 0))
        why = "repeated field with quotes or comments that may not end";
    h->kinds |= kind;
    if (walk.reading == READING_RAW)
        h->raw_kinds |= kind;
    if (walk.nobody && field != HEADER_FROM)
        return;
    if (why != NULL)
        mark_bad(h, field, why, value);
}

static void add_field(struct headers *h, enum header_field field, struct slice name, struct slice value)
{
    if (field == HEADER_FROM) {
        h->from_fields++;
        h->from_possible = true;
    }
    if (has_long_line(name, value))
        mark_bad(h, field, "line longer than 998 bytes", value);
    read_field(h, field, value);
}

/* Finds the field with that name, regardless of case and trailing blanks (RFC 5322 4.5.2 allows "From :"). */
static bool find_field(struct slice name, enum header_field *field)
{
    while (name.n > 0 && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
        name.n--;
    for (size_t i = 0; i < FIELDS; i++) {
        /* Most fields are none of these, which their length shows. */
        if (name.n != field_names[i].n || !slice_ieq(name, field_names[i]))
            continue;
        *field = (enum header_field)i;
        return true;
    }
    return false;
}

#define NAME_MAX_BYTES 64 /* of a disguised name, without the disguise */

/* A name that equals one of these for readers that drop or don't show characters other than printable ASCII. */
static bool is_disguised(struct slice name, enum header_field *field)
{
    char seen[NAME_MAX_BYTES];
    size_t n = 0;

    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= ' ' || name.p[i] > '~')
            continue;
        if (n == sizeof seen)
            return false;
        seen[n++] = name.p[i];
    }
    return n < name.n && find_field((struct slice){seen, n}, field);
}

/* Marks a line that readers could take for one of these fields if they end lines elsewhere than this does. */
static void headers_read_line(struct headers *h, struct slice line)
{
    enum header_field field;
    struct slice name, value;

    if (!slice_cut(line, ':', &name, &value) || !(find_field(name, &field) || is_disguised(name, &field)))
        return;
    h->from_possible |= field == HEADER_FROM;
    mark_bad(h, field, "field after a line break within another field", value);
}

/* Reads what follows line breaks that don't fold. */
static void read_lines_within(struct headers *h, struct slice value)
{
    size_t begin = value.n;

    for (size_t i = 0; i <= value.n; i++) {
        if (i < value.n && value.p[i] != '\r' && value.p[i] != '\n')
            continue;
        if (begin < i && value.p[begin] != ' ' && value.p[begin] != '\t')
            headers_read_line(h, (struct slice){value.p + begin, i - begin});
        begin = i + 1;
    }
}

void headers_add(struct headers *h, struct slice name, struct slice value)
{
    enum header_field field;

    h->seen = true;
    if (find_field(name, &field)) {
        add_field(h, field, name, value);
    } else if (is_disguised(name, &field)) {
        h->from_possible |= field == HEADER_FROM;
        mark_bad(h, field, "field name with bytes that don't show", value);
    }
    read_lines_within(h, value);
}

void headers_clear(struct headers *h)
{
    free(h->list);
    *h = (struct headers){0};
}
