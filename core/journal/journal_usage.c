/* Usage in its table, and which mailbox was seen longest ago. */
#include "core/journal/journal_parts.h"

/* Mailboxes that a transaction writes: each is a page of 4 KiB that LMDB holds in memory until it is over. */
#define AT_ONCE 2048u
/* Entries of "seen" that a transaction looks at while mailboxes are too many; it brings fewer new ones. After those the
 * mailbox at hand is forgotten even if it was seen again. */
#define LOOK_MAX 8192u

/* ---- what is new ---- */

/* A usage that cannot be read is none. */
static int put_one(struct writing *w, MDB_cursor *usage, MDB_cursor *seen, uint32_t *i)
{
    const struct tally *tally = w->round->usage;
    uint8_t packed[USAGE_PACKED_MAX], seen_bytes[SEEN_KEY_MAX];
    struct slice key = tally_key(tally, *i);
    MDB_val k = {key.n, (void *)(uintptr_t)key.p}, v, nothing = {0, packed};
    struct usage u;
    int code = mdb_cursor_get(usage, &k, &v, MDB_SET);
    bool there = code == 0;

    if (!there && code != MDB_NOTFOUND)
        return code;
    if (!there || !usage_unpack((struct slice){v.mv_data, v.mv_size}, &u))
        memset(&u, 0, sizeof u);
    *i = tally_add_to(tally, *i, &u);
    v = (MDB_val){usage_pack(&u, packed), packed};
    if ((code = mdb_cursor_put(usage, &k, &v, there ? MDB_CURRENT : 0)) != 0 || there)
        return code;
    k = (MDB_val){seen_key(usage_hour(&u), key, seen_bytes), seen_bytes};
    return mdb_cursor_put(seen, &k, &nothing, 0);
}

int journal_put_usage(struct writing *w)
{
    struct journal_round *round = w->round;
    MDB_cursor *usage, *seen;
    int code;

    round->to = round->from;
    if (round->usage == NULL)
        return 0;
    if ((code = mdb_cursor_open(w->txn, w->dbi[JOURNAL_USAGE], &usage)) != 0)
        return code;
    if ((code = mdb_cursor_open(w->txn, w->dbi[JOURNAL_SEEN], &seen)) == 0) {
        while (code == 0 && round->to < tally_count(round->usage) && round->to - round->from < AT_ONCE)
            code = put_one(w, usage, seen, &round->to);
        mdb_cursor_close(seen);
    }
    mdb_cursor_close(usage);
    return code;
}

/* ---- what is old ---- */

/* 0 and the hour when that mailbox was seen last, 0 when there is no such mailbox; or a code. */
static int last_hour(struct writing *w, struct slice key, uint32_t *hour)
{
    MDB_val k = {key.n, (void *)(uintptr_t)key.p}, v;
    struct usage usage;
    int code = mdb_get(w->txn, w->dbi[JOURNAL_USAGE], &k, &v);

    *hour = 0;
    if (code == 0 && usage_unpack((struct slice){v.mv_data, v.mv_size}, &usage))
        *hour = usage_hour(&usage);
    return code == MDB_NOTFOUND ? 0 : code;
}

/*
 * Forgets the mailbox of the first entry of "seen", or, when it was seen again since that was written and may stay,
 * moves the entry: so a mailbox costs one table in each round, not two. *gone: it was forgotten.
 */
static int forget_or_move(struct writing *w, struct slice entry, bool may_stay, bool *gone)
{
    uint8_t copy[SEEN_KEY_MAX], moved[SEEN_KEY_MAX];
    struct slice key;
    uint32_t hour, last;
    int code;

    *gone = false;
    if (!seen_key_read(entry, &hour, &key))
        return journal_take_off(w, JOURNAL_SEEN, entry.p, entry.n);
    memcpy(copy, entry.p, entry.n);
    key.p = (const char *)copy + (entry.n - key.n);
    if ((code = last_hour(w, key, &last)) != 0 || (code = journal_take_off(w, JOURNAL_SEEN, copy, entry.n)) != 0)
        return code;
    if (may_stay && last > hour)
        return journal_put(w, JOURNAL_SEEN, moved, seen_key(last, key, moved), "", 0);
    *gone = true;
    return journal_take_off(w, JOURNAL_USAGE, key.p, key.n);
}

int journal_forget(struct writing *w, size_t n, uint32_t before)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(w->txn, w->dbi[JOURNAL_SEEN], &cursor);

    if (code != 0)
        return code;
    for (unsigned looks = 0; (code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) == 0; looks++) {
        struct slice entry = {key.mv_data, key.mv_size}, rest;
        uint32_t hour;
        bool gone, old = seen_key_read(entry, &hour, &rest) && hour < before;

        if (n == 0 && (!old || looks >= LOOK_MAX))
            break;
        if ((code = forget_or_move(w, entry, looks < LOOK_MAX, &gone)) != 0)
            break;
        n -= gone && n > 0;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}
