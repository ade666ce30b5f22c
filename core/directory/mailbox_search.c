#include "core/directory/mailbox_search.h"

#include "core/directory/directory_view.h"

/* What is looked for, in small letters. */
struct needle {
    char text[MAILBOX_SEARCH_MAX];
    size_t n;
    bool part;    /* also inside of a name */
    size_t pivot; /* the place of its byte that is looked for first: the rarest one in the first records */
    unsigned sampled;
    unsigned seen[MAILBOX_SEARCH_MAX]; /* of each of its bytes, in these */
};

/* Enough to tell "x" from what stands in every address of a tenant. */
#define SAMPLED_RECORDS 64u

static void needle_take(struct needle *needle, struct slice text)
{
    *needle = (struct needle){.n = text.n < sizeof needle->text ? text.n : sizeof needle->text};
    for (size_t i = 0; i < needle->n; i++)
        needle->text[i] = ascii_lower(text.p[i]);
    needle->part = needle->n >= MAILBOX_SEARCH_PART;
}

static bool has_needle(struct slice name, const struct needle *needle)
{
    struct slice text = {needle->text, needle->n};

    return needle->part ? slice_contains_icase(name, text) : slice_starts_with_icase(name, text);
}

static bool is_found(const struct mailbox_record *m, const struct needle *needle)
{
    const struct slice names[] = {m->primary, m->upn, m->alias, m->account, m->name};
    struct slice rest = m->proxies, one;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (has_needle(names[i], needle))
            return true;
    while (packed_next(&rest, &one))
        if (has_needle(one, needle))
            return true;
    return false;
}

static char other_case(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Is the text there, with this byte at its pivot? */
static bool has_pivot(struct slice value, const struct needle *needle, char c)
{
    const char *end = value.p + value.n, *at = value.p + needle->pivot;

    while (at < end && (at = memchr(at, c, (size_t)(end - at))) != NULL) {
        const char *begin = at - needle->pivot;
        size_t i = 0;

        if ((size_t)(end - begin) < needle->n)
            return false;
        while (i < needle->n && ascii_lower(begin[i]) == needle->text[i])
            i++;
        if (i == needle->n)
            return true;
        at++;
    }
    return false;
}

static void sample(struct slice value, struct needle *needle)
{
    for (size_t i = 0; i < needle->n; i++)
        for (size_t j = 0; j < value.n; j++)
            needle->seen[i] += ascii_lower(value.p[j]) == needle->text[i];
    needle->sampled++;
    for (size_t i = 0; i < needle->n; i++)
        if (needle->seen[i] < needle->seen[needle->pivot])
            needle->pivot = i;
}

/*
 * Is the text anywhere in the record, as it is or in another case? Most records are left out by this, without taking
 * them apart. All bytes of a value are looked at, which are lengths and flags besides: is_found has the last word.
 */
static bool may_be_found(struct slice value, struct needle *needle)
{
    char c, other;

    if (value.n < needle->n)
        return false;
    if (needle->sampled < SAMPLED_RECORDS)
        sample(value, needle);
    c = needle->text[needle->pivot];
    other = other_case(c);
    return has_pivot(value, needle, c) || (other != c && has_pivot(value, needle, other));
}

struct search_walk {
    const struct mailbox_search *search;
    struct needle needle;
    bool (*each)(void *arg, uint32_t tenant, const struct mailbox_record *record);
    void *arg;
};

/* The record under the cursor. 0 to go on; MDB_NOTFOUND at the end; another code of LMDB. */
static int look_at(struct search_walk *w, const MDB_val *key, const MDB_val *value)
{
    struct slice k = {key->mv_data, key->mv_size}, v = {value->mv_data, value->mv_size};
    const struct mailbox_search *s = w->search;
    struct mailbox_record record;
    uint32_t tenant;

    if (!mailbox_key_read(k, &tenant, &record.id))
        return MDB_CORRUPTED;
    if (s->tenant != EVERY_TENANT && tenant != s->tenant)
        return MDB_NOTFOUND;
    if (s->goes_on && tenant == s->after_tenant && memcmp(&record.id, &s->after, sizeof s->after) == 0)
        return 0;
    if (!may_be_found(v, &w->needle))
        return 0;
    if (!mailbox_decode(k, v, &record))
        return MDB_CORRUPTED;
    return !is_found(&record, &w->needle) || w->each(w->arg, tenant, &record) ? 0 : MDB_NOTFOUND;
}

enum directory_result mailbox_search(const struct directory_view *v, const struct mailbox_search *search,
                                     bool (*each)(void *arg, uint32_t tenant, const struct mailbox_record *record),
                                     void *arg)
{
    static const struct mailbox_id first; /* all zero */
    struct search_walk w = {.search = search, .each = each, .arg = arg};
    struct directory_key from = search->goes_on
                                    ? mailbox_key(search->after_tenant, &search->after)
                                    : mailbox_key(search->tenant == EVERY_TENANT ? 0 : search->tenant, &first);
    MDB_val key = {from.n, from.b}, value;
    MDB_cursor *cursor;
    int code;

    needle_take(&w.needle, search->text);
    if (w.needle.n == 0 || mdb_cursor_open(v->txn, v->generation->file->dbi[TABLE_MAILBOXES], &cursor) != 0)
        return DIRECTORY_DAMAGED;
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && (code = look_at(&w, &key, &value)) == 0)
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? DIRECTORY_FOUND : DIRECTORY_DAMAGED;
}
