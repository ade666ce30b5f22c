/* A round: records, usage and totals go into the environment in one transaction, and the oldest give way. */
#include "core/clock.h"
#include "core/journal_parts.h"

#include <unistd.h>

#define HOURS_KEPT (USAGE_DAYS * 24u)
#define S_PER_HOUR 3600u
/* Mailboxes that a round forgets at most; a round brings fewer new ones. */
#define FORGET_MAX 20000u
/* When the map is full, one of so many gives way. */
#define GIVE_WAY 8u
#define GIVE_WAY_TRIES 3

struct writing {
    struct journal *j;
    MDB_txn *txn;
    const MDB_dbi *dbi;
    const struct journal_round *round;
};

static int put(struct writing *w, enum journal_table table, const void *key, size_t key_n, const void *value, size_t n)
{
    MDB_val k = {key_n, (void *)(uintptr_t)key}, v = {n, (void *)(uintptr_t)value};

    return mdb_put(w->txn, w->dbi[table], &k, &v, 0);
}

/* That there is none is fine. */
static int take_off(struct writing *w, enum journal_table table, const void *key, size_t key_n)
{
    MDB_val k = {key_n, (void *)(uintptr_t)key};
    int code = mdb_del(w->txn, w->dbi[table], &k, NULL);

    return code == MDB_NOTFOUND ? 0 : code;
}

/* ---- what is new ---- */

static int put_records(struct writing *w)
{
    const struct journal_batch *batch = w->round->batch;
    uint8_t key[DECISION_KEY_SIZE];
    int code = 0;

    for (size_t at = 0; at < batch->n && code == 0;) {
        uint64_t at_ns;
        uint16_t n;

        memcpy(&at_ns, batch->bytes + at, sizeof at_ns);
        memcpy(&n, batch->bytes + at + sizeof at_ns, sizeof n);
        decision_key(at_ns, (uint32_t)getpid(), w->j->number++, key);
        code = put(w, JOURNAL_DECISIONS, key, sizeof key, batch->bytes + at + JOURNAL_ENTRY_HEAD, n);
        at += JOURNAL_ENTRY_HEAD + n;
    }
    return code;
}

/* 0; MDB_NOTFOUND; another code of LMDB. A usage that cannot be read is none. */
static int get_usage(struct writing *w, struct slice key, struct usage *out)
{
    MDB_val k = {key.n, (void *)(uintptr_t)key.p}, v;
    int code = mdb_get(w->txn, w->dbi[JOURNAL_USAGE], &k, &v);

    if (code != 0)
        return code;
    return usage_unpack((struct slice){v.mv_data, v.mv_size}, out) ? 0 : MDB_NOTFOUND;
}

static int put_usage(struct writing *w, struct slice key, const struct usage *more)
{
    uint8_t packed[USAGE_PACKED_MAX], seen[SEEN_KEY_MAX];
    struct usage usage;
    int code = get_usage(w, key, &usage);
    bool fresh = code == MDB_NOTFOUND;
    uint32_t before;

    if (code != 0 && !fresh)
        return code;
    if (fresh)
        memset(&usage, 0, sizeof usage);
    before = usage_hour(&usage);
    usage_merge(&usage, more);
    if ((code = put(w, JOURNAL_USAGE, key.p, key.n, packed, usage_pack(&usage, packed))) != 0)
        return code;
    if (!fresh && before == usage_hour(&usage))
        return 0;
    if (!fresh && (code = take_off(w, JOURNAL_SEEN, seen, seen_key(before, key, seen))) != 0)
        return code;
    return put(w, JOURNAL_SEEN, seen, seen_key(usage_hour(&usage), key, seen), "", 0);
}

static int add_total(struct writing *w, const uint8_t *key, size_t n, uint64_t count)
{
    MDB_val k = {n, (void *)(uintptr_t)key}, v;
    uint64_t before = 0;
    int code = mdb_get(w->txn, w->dbi[JOURNAL_TOTALS], &k, &v);

    if (code != 0 && code != MDB_NOTFOUND)
        return code;
    if (code == 0 && v.mv_size == sizeof before)
        memcpy(&before, v.mv_data, sizeof before);
    count += before;
    return put(w, JOURNAL_TOTALS, key, n, &count, sizeof count);
}

static int add_totals(struct writing *w)
{
    const char *program = w->j->program;
    uint8_t key[TOTAL_KEY_MAX];
    int code = 0;

    for (unsigned a = 0; a <= ACTION_HOLD; a++)
        for (unsigned r = 0; r < REASON_COUNT && code == 0; r++)
            if (w->round->totals[a][r] > 0)
                code =
                    add_total(w, key, total_key(program, (enum action)a, (enum reason)r, key), w->round->totals[a][r]);
    if (code == 0 && w->round->dropped > 0)
        code = add_total(w, key, dropped_key(program, key), w->round->dropped);
    return code;
}

/* ---- what is old ---- */

static int entries_of(struct writing *w, enum journal_table table, size_t *n)
{
    MDB_stat stat;
    int code = mdb_stat(w->txn, w->dbi[table], &stat);

    *n = code == 0 ? stat.ms_entries : 0;
    return code;
}

/* Takes n decisions off the old end. */
static int drop_decisions(struct writing *w, size_t n)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(w->txn, w->dbi[JOURNAL_DECISIONS], &cursor);

    if (code != 0)
        return code;
    for (; n > 0 && code == 0; n--)
        if ((code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) == 0)
            code = mdb_cursor_del(cursor, 0);
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* Forgets the mailbox of an entry of "seen", unless it was seen again. */
static int forget(struct writing *w, struct slice seen)
{
    uint8_t copy[SEEN_KEY_MAX];
    struct usage usage;
    struct slice key;
    uint32_t hour;
    int code;

    if (!seen_key_read(seen, &hour, &key))
        return take_off(w, JOURNAL_SEEN, seen.p, seen.n);
    memcpy(copy, seen.p, seen.n);
    key.p = (const char *)copy + (seen.n - key.n);
    code = get_usage(w, key, &usage);
    if ((code == 0 && usage_hour(&usage) == hour) || code == MDB_NOTFOUND)
        code = take_off(w, JOURNAL_USAGE, key.p, key.n);
    return code == 0 ? take_off(w, JOURNAL_SEEN, copy, seen.n) : code;
}

/* Forgets mailboxes that were seen longest ago: n of them, and those of an hour before `before`. */
static int forget_mailboxes(struct writing *w, size_t n, uint32_t before)
{
    MDB_cursor *cursor;
    int code = mdb_cursor_open(w->txn, w->dbi[JOURNAL_SEEN], &cursor);

    if (code != 0)
        return code;
    for (size_t i = 0; i < FORGET_MAX && code == 0; i++) {
        MDB_val key, value;
        struct slice rest;
        uint32_t hour;

        if ((code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) != 0)
            break;
        if (i >= n && seen_key_read((struct slice){key.mv_data, key.mv_size}, &hour, &rest) && hour >= before)
            break;
        code = forget(w, (struct slice){key.mv_data, key.mv_size});
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int keep_bounds(struct writing *w)
{
    const struct journal_bounds *bounds = &w->j->bounds;
    uint64_t hour = w->round->wall_ns / NS_PER_S / S_PER_HOUR;
    size_t decisions, mailboxes;
    int code = entries_of(w, JOURNAL_DECISIONS, &decisions);

    if (code == 0 && decisions > bounds->decisions)
        code = drop_decisions(w, decisions - bounds->decisions);
    if (code == 0)
        code = entries_of(w, JOURNAL_USAGE, &mailboxes);
    if (code != 0)
        return code;
    return forget_mailboxes(w, mailboxes > bounds->mailboxes ? mailboxes - bounds->mailboxes : 0,
                            hour > HOURS_KEPT ? (uint32_t)(hour - HOURS_KEPT) : 0);
}

/* ---- the transaction ---- */

static int write_all(struct writing *w)
{
    struct slice key;
    struct usage more;
    uint32_t i = 0;
    int code = put_records(w);

    while (code == 0 && tally_next(w->round->batch->tally, &i, &key, &more))
        code = put_usage(w, key, &more);
    if (code == 0)
        code = add_totals(w);
    return code == 0 ? keep_bounds(w) : code;
}

/* The map is full: the oldest decisions give way, and when there are none left, mailboxes. */
static int give_way(struct writing *w)
{
    size_t decisions, mailboxes = 0;
    int code = entries_of(w, JOURNAL_DECISIONS, &decisions);

    if (code == 0 && decisions > 0)
        return drop_decisions(w, decisions / GIVE_WAY + 1);
    if (code == 0)
        code = entries_of(w, JOURNAL_USAGE, &mailboxes);
    return code == 0 ? forget_mailboxes(w, mailboxes / GIVE_WAY + 1, 0) : code;
}

static int begin(struct journal *j, MDB_txn **txn)
{
    int code = mdb_txn_begin(j->file->env, NULL, 0, txn);

    if (code != MDB_MAP_RESIZED)
        return code;
    code = mdb_env_set_mapsize(j->file->env, 0); /* another program has a greater one */
    return code == 0 ? mdb_txn_begin(j->file->env, NULL, 0, txn) : code;
}

static int transact(struct journal *j, const struct journal_round *round, int (*what)(struct writing *))
{
    struct writing w = {j, NULL, j->file->dbi, round};
    int code = begin(j, &w.txn);

    if (code != 0)
        return code;
    code = what(&w);
    if (code == 0)
        return mdb_txn_commit(w.txn);
    mdb_txn_abort(w.txn);
    return code;
}

int journal_write(struct journal *j, const struct journal_round *round, struct error *e)
{
    int code;

    journal_file_enter(j->file);
    code = transact(j, round, write_all);
    /* What a transaction frees can be used by the one after the next. */
    for (int i = 0; code == MDB_MAP_FULL && i < GIVE_WAY_TRIES; i++)
        if ((code = transact(j, round, give_way)) == 0)
            code = transact(j, round, write_all);
    journal_file_leave(j->file);
    if (code != 0)
        return journal_failed(j, "write", code, e);
    journal_file_grown(j->file);
    return 0;
}
