#include "core/directory/mailbox_search.h"

#include "core/directory/directory_view.h"

/* What is looked for, in small letters. */
struct needle {
    char text[MAILBOX_SEARCH_MAX];
    size_t n;
    bool part; /* also inside of a name */
};

static void needle_take(struct needle *needle, struct slice text)
{
    needle->n = text.n < sizeof needle->text ? text.n : sizeof needle->text;
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

/*
 * Is the text anywhere in the record, as it is or in another case? Most records are left out by this, without taking
 * them apart. All bytes of a value are looked at, which are lengths and flags besides: is_found has the last word.
 */
static bool may_be_found(struct slice value, const struct needle *needle)
{
    const char first = needle->text[0];
    const char other = first >= 'a' && first <= 'z' ? (char)(first - 'a' + 'A') : first;

    for (size_t i = 0; i + needle->n <= value.n; i++) {
        size_t j = 1;

        if (value.p[i] != first && value.p[i] != other)
            continue;
        while (j < needle->n && ascii_lower(value.p[i + j]) == needle->text[j])
            j++;
        if (j == needle->n)
            return true;
    }
    return false;
}

struct search_walk {
    const struct mailbox_search *search;
    struct needle needle;
    bool (*each)(void *arg, uint32_t tenant, const struct mailbox_record *record);
    void *arg;
};

/* The record under the cursor. 0 to go on; MDB_NOTFOUND at the end; another code of LMDB. */
static int look_at(const struct search_walk *w, const MDB_val *key, const MDB_val *value)
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
