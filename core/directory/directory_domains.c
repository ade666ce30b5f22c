#include "core/directory/directory_domains.h"

#include <stdlib.h>

struct domain_row {
    struct slice domain, value;
};

struct domains_in_memory {
    size_t n;
    struct domain_row *rows; /* in the file's order: by their bytes, a shorter one before its continuations */
    char *bytes;             /* what they point into */
};

void domains_free(struct domains_in_memory *d)
{
    if (d == NULL)
        return;
    free(d->rows);
    free(d->bytes);
    free(d);
}

/* How many there are, and their bytes; false when they cannot be read. */
static bool measure(MDB_cursor *cursor, size_t *n, size_t *bytes)
{
    MDB_val key, value;
    int code;

    *n = *bytes = 0;
    while (*n <= DOMAINS_IN_MEMORY_MAX && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        (*n)++;
        *bytes += key.mv_size + value.mv_size;
    }
    return *n > DOMAINS_IN_MEMORY_MAX || code == MDB_NOTFOUND;
}

static struct slice keep(char **at, const MDB_val *v)
{
    struct slice kept = {*at, v->mv_size};

    if (v->mv_size > 0)
        memcpy(*at, v->mv_data, v->mv_size);
    *at += v->mv_size;
    return kept;
}

/* A published file never changes: what was measured is there again. */
static bool copy(MDB_cursor *cursor, struct domains_in_memory *d)
{
    MDB_cursor_op step = MDB_FIRST;
    char *at = d->bytes;
    MDB_val key, value;

    for (size_t i = 0; i < d->n; i++, step = MDB_NEXT) {
        if (mdb_cursor_get(cursor, &key, &value, step) != 0)
            return false;
        d->rows[i].domain = keep(&at, &key);
        d->rows[i].value = keep(&at, &value);
    }
    return true;
}

static int load(MDB_cursor *cursor, struct domains_in_memory **out, struct error *e)
{
    struct domains_in_memory *d;
    size_t n, bytes;

    if (!measure(cursor, &n, &bytes))
        return error_set(e, "its domains cannot be read");
    if (n > DOMAINS_IN_MEMORY_MAX)
        return 0;
    d = calloc(1, sizeof *d);
    if (d == NULL)
        return error_set(e, "out of memory");
    d->n = n;
    d->rows = calloc(n + 1, sizeof *d->rows);
    d->bytes = malloc(bytes + 1);
    if (d->rows != NULL && d->bytes != NULL && copy(cursor, d)) {
        *out = d;
        return 0;
    }
    domains_free(d);
    return error_set(e, "its domains cannot be read, or there is no memory for them");
}

int domains_load(const struct directory_file *f, struct domains_in_memory **out, struct error *e)
{
    MDB_cursor *cursor = NULL;
    MDB_txn *txn = NULL;
    int result = -1;

    *out = NULL;
    if (mdb_txn_begin(f->env, NULL, MDB_RDONLY, &txn) == 0 && mdb_cursor_open(txn, f->dbi[TABLE_DOMAINS], &cursor) == 0)
        result = load(cursor, out, e);
    else
        (void)error_set(e, "its domains cannot be read");
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (txn != NULL)
        mdb_txn_abort(txn);
    return result;
}

/* As LMDB orders keys. */
static int compare(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

bool domains_find(const struct domains_in_memory *d, struct slice domain, struct slice *value)
{
    size_t low = 0, high = d->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(domain, d->rows[middle].domain);

        if (order == 0) {
            *value = d->rows[middle].value;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
