#include "mirror/build/builder.h"

#include <lmdb.h>

#include <stdlib.h>

/* A transaction is committed after this many bytes or entries, because LMDB keeps its changed pages in memory. */
#define BATCH_BYTES ((size_t)8 * 1024 * 1024)
#define BATCH_ENTRIES 20000u

/*
 * Before each batch the map is grown to have this much room after the last page. No batch needs more, so MDB_MAP_FULL
 * cannot happen.
 */
#define HEADROOM ((uint64_t)256 * 1024 * 1024)

struct builder {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi[TABLES];
    uint64_t map_size;
    size_t bytes;
    unsigned batch;
    uint64_t entries[TABLES];
};

static int builder_failed(struct error *e, const char *what, int code)
{
    return error_set(e, "the new directory file: LMDB cannot %s: %s", what, mdb_strerror(code));
}

static int begin_batch(struct builder *b, struct error *e)
{
    MDB_envinfo info;
    MDB_stat stat;
    int code;

    if ((code = mdb_env_info(b->env, &info)) != 0 || (code = mdb_env_stat(b->env, &stat)) != 0)
        return builder_failed(e, "look at it", code);
    if ((info.me_last_pgno + 1) * (uint64_t)stat.ms_psize + HEADROOM > b->map_size) {
        b->map_size *= 2;
        if ((code = mdb_env_set_mapsize(b->env, b->map_size)) != 0)
            return builder_failed(e, "enlarge its map", code);
    }
    if ((code = mdb_txn_begin(b->env, NULL, 0, &b->txn)) != 0) {
        b->txn = NULL;
        return builder_failed(e, "begin a transaction", code);
    }
    b->bytes = 0;
    b->batch = 0;
    return 0;
}

static int end_batch(struct builder *b, struct error *e)
{
    int code = mdb_txn_commit(b->txn);

    b->txn = NULL;
    return code != 0 ? builder_failed(e, "write it", code) : 0;
}

int builder_make(const char *path, struct builder **out, struct error *e)
{
    /* Nobody else opens the file before it is finished; it is synced as a whole then. */
    static const unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC;
    struct builder *b = calloc(1, sizeof *b);
    int code;

    if (b == NULL)
        return error_set(e, "out of memory");
    b->map_size = 2 * HEADROOM;
    if ((code = mdb_env_create(&b->env)) != 0 || (code = mdb_env_set_maxdbs(b->env, TABLES)) != 0 ||
        (code = mdb_env_set_mapsize(b->env, b->map_size)) != 0 || (code = mdb_env_open(b->env, path, flags, 0640)) != 0)
        (void)builder_failed(e, "make it", code);
    else if (begin_batch(b, e) == 0) {
        for (int i = 0; i < TABLES && code == 0; i++)
            code = mdb_dbi_open(b->txn, directory_table_names[i],
                                MDB_CREATE | (i == TABLE_IDENTITIES ? MDB_INTEGERKEY : 0), &b->dbi[i]);
        if (code == 0) {
            *out = b;
            return 0;
        }
        (void)builder_failed(e, "make its tables", code);
    }
    builder_free(b);
    return -1;
}

void builder_free(struct builder *b)
{
    if (b == NULL)
        return;
    if (b->txn != NULL)
        mdb_txn_abort(b->txn);
    if (b->env != NULL)
        mdb_env_close(b->env);
    free(b);
}

int builder_append(struct builder *b, enum directory_table table, struct slice key, struct slice value, struct error *e)
{
    MDB_val k = {key.n, (void *)key.p}, v = {value.n, (void *)value.p};
    int code;

    if ((b->bytes > BATCH_BYTES || b->batch >= BATCH_ENTRIES) && (end_batch(b, e) != 0 || begin_batch(b, e) != 0))
        return -1;
    code = mdb_put(b->txn, b->dbi[table], &k, &v, MDB_APPEND);
    if (code != 0)
        return builder_failed(e, "add to it", code);
    b->bytes += key.n + value.n;
    b->batch++;
    b->entries[table]++;
    return 0;
}

bool builder_get(const struct builder *b, enum directory_table table, struct slice key, struct slice *value)
{
    MDB_val k = {key.n, (void *)key.p}, v;

    if (mdb_get(b->txn, b->dbi[table], &k, &v) != 0)
        return false;
    *value = (struct slice){v.mv_data, v.mv_size};
    return true;
}

uint64_t builder_entries(const struct builder *b, enum directory_table table)
{
    return b->entries[table];
}

int builder_walk(struct builder *b, enum directory_table table, builder_visit *visit, void *arg, struct error *e)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(b->txn, b->dbi[table], &cursor), result = 0;

    if (code != 0)
        return builder_failed(e, "read it", code);
    while (result == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        result = visit(arg, (struct slice){key.mv_data, key.mv_size}, (struct slice){value.mv_data, value.mv_size}, e);
    mdb_cursor_close(cursor);
    return result == 0 && code != MDB_NOTFOUND ? builder_failed(e, "read it", code) : result;
}

int builder_finish(struct builder *b, uint64_t *size, struct error *e)
{
    MDB_envinfo info;
    MDB_stat stat;
    int code;

    if (end_batch(b, e) != 0)
        return -1;
    if ((code = mdb_env_info(b->env, &info)) != 0 || (code = mdb_env_stat(b->env, &stat)) != 0)
        return builder_failed(e, "look at it", code);
    *size = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
    return 0;
}
