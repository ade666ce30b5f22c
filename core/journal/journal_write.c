/* A round: records, usage and totals go into the environment in one transaction, and the oldest give way. */
#include "core/base/clock.h"
#include "core/journal/journal_parts.h"

#define HOURS_KEPT (USAGE_DAYS * 24u)
#define S_PER_HOUR 3600u
/* When the map is full, one of so many gives way. */
#define GIVE_WAY 8u
#define GIVE_WAY_TRIES 3

int journal_put(struct writing *w, enum journal_table table, const void *key, size_t key_n, const void *value, size_t n)
{
    MDB_val k = {key_n, (void *)(uintptr_t)key}, v = {n, (void *)(uintptr_t)value};

    return mdb_put(w->txn, w->dbi[table], &k, &v, 0);
}

int journal_take_off(struct writing *w, enum journal_table table, const void *key, size_t key_n)
{
    MDB_val k = {key_n, (void *)(uintptr_t)key};
    int code = mdb_del(w->txn, w->dbi[table], &k, NULL);

    return code == MDB_NOTFOUND ? 0 : code;
}

int journal_entries(struct writing *w, enum journal_table table, size_t *n)
{
    MDB_stat stat;
    int code = mdb_stat(w->txn, w->dbi[table], &stat);

    *n = code == 0 ? stat.ms_entries : 0;
    return code;
}

/* ---- totals ---- */

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
    return journal_put(w, JOURNAL_TOTALS, key, n, &count, sizeof count);
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

/* ---- the transaction ---- */

static int keep_bound(struct writing *w, enum journal_table table, uint64_t most)
{
    uint64_t kept;
    int code = journal_kept(w, table, &kept);

    return code == 0 && kept > most ? journal_drop(w, table, kept - most) : code;
}

static int keep_bounds(struct writing *w)
{
    const struct journal_bounds *bounds = &w->j->bounds;
    uint64_t hour = w->round->wall_ns / NS_PER_S / S_PER_HOUR;
    size_t mailboxes;
    int code = keep_bound(w, JOURNAL_DECISIONS, bounds->decisions);

    if (code == 0)
        code = keep_bound(w, JOURNAL_REFUSALS, bounds->refusals);
    if (code == 0)
        code = journal_entries(w, JOURNAL_USAGE, &mailboxes);
    if (code != 0)
        return code;
    return journal_forget(w, mailboxes > bounds->mailboxes ? mailboxes - bounds->mailboxes : 0,
                          hour > HOURS_KEPT ? (uint32_t)(hour - HOURS_KEPT) : 0);
}

static int write_all(struct writing *w)
{
    int code = journal_put_decisions(w);

    if (code == 0)
        code = journal_put_usage(w);
    if (code == 0)
        code = add_totals(w);
    return code == 0 ? keep_bounds(w) : code;
}

/* The map is full: the oldest refusals give way, then decisions, and when there are none left, mailboxes. */
static int give_way(struct writing *w)
{
    static const enum journal_table tables[] = {JOURNAL_REFUSALS, JOURNAL_DECISIONS};
    size_t chunks, mailboxes = 0;
    uint64_t kept;
    int code = 0;

    for (size_t i = 0; i < 2; i++) {
        code = journal_entries(w, tables[i], &chunks);
        if (code == 0 && chunks > 0 && (code = journal_kept(w, tables[i], &kept)) == 0)
            return journal_drop(w, tables[i], kept / GIVE_WAY + CHUNK_EVENTS_MAX);
        if (code != 0)
            return code;
    }
    code = journal_entries(w, JOURNAL_USAGE, &mailboxes);
    return code == 0 ? journal_forget(w, mailboxes / GIVE_WAY + 1, 0) : code;
}

static int begin(struct journal *j, MDB_txn **txn)
{
    int code = mdb_txn_begin(j->file->env, NULL, 0, txn);

    if (code != MDB_MAP_RESIZED)
        return code;
    code = mdb_env_set_mapsize(j->file->env, 0); /* another program has a greater one */
    return code == 0 ? mdb_txn_begin(j->file->env, NULL, 0, txn) : code;
}

static int transact(struct journal *j, struct journal_round *round, int (*what)(struct writing *))
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

int journal_write(struct journal *j, struct journal_round *round, struct error *e)
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
