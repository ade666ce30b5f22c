/* Decisions in their table: some of one program lie together in a chunk, so that a round is a few puts. */
#include "core/journal/journal_parts.h"

#include <unistd.h>

static MDB_val kept_key(enum journal_table table)
{
    return table == JOURNAL_DECISIONS ? (MDB_val){sizeof TOTAL_DECISIONS, (void *)(uintptr_t)TOTAL_DECISIONS}
                                      : (MDB_val){sizeof TOTAL_REFUSALS, (void *)(uintptr_t)TOTAL_REFUSALS};
}

int journal_kept(struct writing *w, enum journal_table table, uint64_t *n)
{
    MDB_val k = kept_key(table), v;
    int code = mdb_get(w->txn, w->dbi[JOURNAL_TOTALS], &k, &v);

    *n = 0;
    if (code == 0 && v.mv_size == sizeof *n)
        memcpy(n, v.mv_data, sizeof *n);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int set_kept(struct writing *w, enum journal_table table, uint64_t n)
{
    MDB_val k = kept_key(table);

    return journal_put(w, JOURNAL_TOTALS, k.mv_data, k.mv_size, &n, sizeof n);
}

/* Of the events of a batch those of one table, as many as a chunk holds. */
struct chunk {
    uint8_t bytes[CHUNK_MAX - CHUNK_HEAD];
    size_t n;
    uint16_t count;
    uint64_t newest_ns;
};

/* Almost always theirs is the last key of all. */
static int put_chunk(struct writing *w, MDB_cursor *cursor, struct chunk *chunk)
{
    uint8_t key[DECISION_KEY_SIZE];
    MDB_val k = {sizeof key, key}, v = {CHUNK_HEAD + chunk->n, NULL};
    int code;

    if (chunk->count == 0)
        return 0;
    decision_key(chunk->newest_ns, (uint32_t)getpid(), w->j->number++, key);
    code = mdb_cursor_put(cursor, &k, &v, MDB_APPEND | MDB_RESERVE);
    if (code == MDB_KEYEXIST) { /* another program's is later */
        v.mv_size = CHUNK_HEAD + chunk->n;
        code = mdb_cursor_put(cursor, &k, &v, MDB_RESERVE);
    }
    if (code != 0)
        return code;
    memcpy(v.mv_data, &chunk->count, CHUNK_HEAD);
    memcpy((uint8_t *)v.mv_data + CHUNK_HEAD, chunk->bytes, chunk->n);
    chunk->n = 0;
    chunk->count = 0;
    chunk->newest_ns = 0;
    return 0;
}

static void add_to_chunk(struct chunk *chunk, const uint8_t *event)
{
    memcpy(chunk->bytes + chunk->n, event, event_size(event));
    chunk->n += event_size(event);
    chunk->count++;
    if (event_at(event) > chunk->newest_ns)
        chunk->newest_ns = event_at(event);
}

/* *count: how many there were. */
static int put_chunks(struct writing *w, enum journal_table table, MDB_cursor *cursor, uint64_t *count)
{
    const uint8_t *p = w->round->batch->bytes, *end = p + w->round->batch->n;
    struct chunk chunk = {.n = 0, .count = 0, .newest_ns = 0};
    int code = 0;

    for (*count = 0; p < end && code == 0; p += event_size(p)) {
        if (event_is_message(p) != (table == JOURNAL_DECISIONS))
            continue;
        if (event_size(p) > sizeof chunk.bytes - chunk.n)
            code = put_chunk(w, cursor, &chunk);
        if (code == 0)
            add_to_chunk(&chunk, p);
        ++*count;
    }
    return code == 0 ? put_chunk(w, cursor, &chunk) : code;
}

static int put_table(struct writing *w, enum journal_table table)
{
    MDB_cursor *cursor;
    uint64_t kept, count;
    int code = mdb_cursor_open(w->txn, w->dbi[table], &cursor);

    if (code != 0)
        return code;
    code = put_chunks(w, table, cursor, &count);
    mdb_cursor_close(cursor);
    if (code != 0 || count == 0 || (code = journal_kept(w, table, &kept)) != 0)
        return code;
    return set_kept(w, table, kept + count);
}

int journal_put_decisions(struct writing *w)
{
    int code;

    if (w->round->batch == NULL || w->round->batch->events == 0)
        return 0;
    code = put_table(w, JOURNAL_DECISIONS);
    return code == 0 ? put_table(w, JOURNAL_REFUSALS) : code;
}

/* *n: what is to go; what has gone is taken off. */
static int drop(MDB_cursor *cursor, uint64_t *n)
{
    MDB_val key, value;
    int code;

    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) == 0) {
        uint16_t count = chunk_count((struct slice){value.mv_data, value.mv_size});

        if (count > *n)
            return 0;
        if ((code = mdb_cursor_del(cursor, 0)) != 0)
            return code;
        *n -= count;
    }
    return code;
}

int journal_drop(struct writing *w, enum journal_table table, uint64_t n)
{
    MDB_cursor *cursor;
    uint64_t kept, left = n;
    int code = mdb_cursor_open(w->txn, w->dbi[table], &cursor);

    if (code != 0)
        return code;
    code = drop(cursor, &left);
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND) /* there are none left, whatever was counted */
        return set_kept(w, table, 0);
    if (code != 0 || left == n || (code = journal_kept(w, table, &kept)) != 0)
        return code;
    return set_kept(w, table, kept > n - left ? kept - (n - left) : 0);
}
