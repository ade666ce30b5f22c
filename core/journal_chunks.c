/* Decisions in their table: some of one program lie together in a chunk, so that a round is a few puts. */
#include "core/journal_parts.h"

#include <unistd.h>

int journal_decisions_kept(struct writing *w, uint64_t *n)
{
    MDB_val k = {sizeof TOTAL_DECISIONS, (void *)(uintptr_t)TOTAL_DECISIONS}, v;
    int code = mdb_get(w->txn, w->dbi[JOURNAL_TOTALS], &k, &v);

    *n = 0;
    if (code == 0 && v.mv_size == sizeof *n)
        memcpy(n, v.mv_data, sizeof *n);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int set_kept(struct writing *w, uint64_t n)
{
    return journal_put(w, JOURNAL_TOTALS, TOTAL_DECISIONS, sizeof TOTAL_DECISIONS, &n, sizeof n);
}

/* Puts n bytes of events, `count` of them, the newest of newest_ns. Almost always theirs is the last key of all. */
static int put_chunk(struct writing *w, MDB_cursor *cursor, uint64_t newest_ns, const uint8_t *events, size_t n,
                     uint16_t count)
{
    uint8_t key[DECISION_KEY_SIZE];
    MDB_val k = {sizeof key, key}, v = {CHUNK_HEAD + n, NULL};
    int code;

    decision_key(newest_ns, (uint32_t)getpid(), w->j->number++, key);
    code = mdb_cursor_put(cursor, &k, &v, MDB_APPEND | MDB_RESERVE);
    if (code == MDB_KEYEXIST) { /* another program's is later */
        v.mv_size = CHUNK_HEAD + n;
        code = mdb_cursor_put(cursor, &k, &v, MDB_RESERVE);
    }
    if (code != 0)
        return code;
    memcpy(v.mv_data, &count, CHUNK_HEAD);
    memcpy((uint8_t *)v.mv_data + CHUNK_HEAD, events, n);
    return 0;
}

static int put_chunks(struct writing *w, MDB_cursor *cursor)
{
    const uint8_t *p = w->round->batch->bytes, *end = p + w->round->batch->n;
    int code = 0;

    while (p < end && code == 0) {
        const uint8_t *from = p;
        uint64_t newest_ns = 0;
        uint16_t count = 0;

        for (; p < end && (size_t)(p - from) + event_size(p) <= CHUNK_MAX - CHUNK_HEAD; p += event_size(p), count++)
            if (event_at(p) > newest_ns)
                newest_ns = event_at(p);
        code = put_chunk(w, cursor, newest_ns, from, (size_t)(p - from), count);
    }
    return code;
}

int journal_put_decisions(struct writing *w)
{
    MDB_cursor *cursor;
    uint64_t kept;
    int code;

    if (w->round->batch == NULL || w->round->batch->events == 0)
        return 0;
    if ((code = journal_decisions_kept(w, &kept)) != 0 || (code = set_kept(w, kept + w->round->batch->events)) != 0 ||
        (code = mdb_cursor_open(w->txn, w->dbi[JOURNAL_DECISIONS], &cursor)) != 0)
        return code;
    code = put_chunks(w, cursor);
    mdb_cursor_close(cursor);
    return code;
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

int journal_drop_decisions(struct writing *w, uint64_t n)
{
    MDB_cursor *cursor;
    uint64_t kept, left = n;
    int code = mdb_cursor_open(w->txn, w->dbi[JOURNAL_DECISIONS], &cursor);

    if (code != 0)
        return code;
    code = drop(cursor, &left);
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND) /* there are none left, whatever was counted */
        return set_kept(w, 0);
    if (code != 0 || left == n || (code = journal_decisions_kept(w, &kept)) != 0)
        return code;
    return set_kept(w, kept > n - left ? kept - (n - left) : 0);
}
