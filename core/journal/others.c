#include "core/journal/others.h"

#include "core/base/clock.h"
#include "core/journal/others_parts.h"

#include <stdlib.h>

#define OTHERS_VERSION 1
#define PIECE_NS (UINT64_C(20) * NS_PER_S) /* a damaged database could keep a reader for ever */

#define RELAY_COLUMNS "id,name,series,number,from_series,from_number,complete,as_of,since,heard"
#define OWN_COLUMNS                                                                                                    \
    "epoch,read_ms,read_sequence,shared,series,number,changed,full_begun,full,full_series,full_number,tenant,mailbox"

static const char *const schema[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY,value INTEGER NOT NULL) STRICT,WITHOUT ROWID",
    "CREATE TABLE relays (id INTEGER PRIMARY KEY,name TEXT NOT NULL UNIQUE,series INTEGER NOT NULL,number INTEGER NOT "
    "NULL,from_series INTEGER NOT NULL,from_number INTEGER NOT NULL,complete INTEGER NOT NULL,as_of INTEGER NOT NULL,"
    "since INTEGER NOT NULL,heard INTEGER NOT NULL) STRICT",
    "CREATE TABLE usage (tenant TEXT NOT NULL,mailbox TEXT NOT NULL,relay INTEGER NOT NULL,last INTEGER NOT NULL,"
    "row BLOB NOT NULL,PRIMARY KEY (tenant,mailbox,relay)) STRICT,WITHOUT ROWID",
    "CREATE TABLE own (one INTEGER PRIMARY KEY,epoch TEXT NOT NULL,read_ms INTEGER NOT NULL,read_sequence INTEGER NOT "
    "NULL,shared INTEGER NOT NULL,series INTEGER NOT NULL,number INTEGER NOT NULL,changed INTEGER NOT NULL,full_begun "
    "INTEGER NOT NULL,full INTEGER NOT NULL,full_series INTEGER NOT NULL,full_number INTEGER NOT NULL,tenant TEXT NOT "
    "NULL,mailbox TEXT NOT NULL) STRICT",
};

static const char *const statements[OTHERS_STATEMENTS] = {
    [OTHERS_BEGIN] = "BEGIN IMMEDIATE",
    [OTHERS_COMMIT] = "COMMIT",
    [OTHERS_ROLLBACK] = "ROLLBACK",
    [OTHERS_RELAY] = "SELECT " RELAY_COLUMNS " FROM relays WHERE name=?1",
    [OTHERS_RELAYS] = "SELECT " RELAY_COLUMNS " FROM relays ORDER BY name",
    [OTHERS_ADD_RELAY] = "INSERT INTO relays (name,series,number,from_series,from_number,complete,as_of,since,heard) "
                         "VALUES (?2,?3,?4,?5,?6,?7,?8,?9,?10)",
    [OTHERS_SET_RELAY] = "UPDATE relays SET (name,series,number,from_series,from_number,complete,as_of,since,heard)="
                         "(?2,?3,?4,?5,?6,?7,?8,?9,?10) WHERE id=?1",
    [OTHERS_PUT_ROW] = "INSERT INTO usage VALUES (?1,?2,?3,?4,?5) ON CONFLICT DO UPDATE SET "
                       "(last,row)=(excluded.last,excluded.row)",
    [OTHERS_OWN] = "SELECT " OWN_COLUMNS " FROM own WHERE one=1",
    [OTHERS_SET_OWN] = "INSERT OR REPLACE INTO own (one," OWN_COLUMNS ") VALUES (1,?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,"
                       "?12,?13)",
    [OTHERS_USAGE_OF] = "SELECT row FROM usage WHERE tenant=?1 AND mailbox=?2",
    [OTHERS_USAGE_FROM] = "SELECT tenant,mailbox,row FROM usage WHERE (tenant,mailbox)>(?1,?2) ORDER BY "
                          "tenant,mailbox,relay",
    [OTHERS_TENANT_FROM] = "SELECT tenant,mailbox,row FROM usage WHERE tenant=?1 AND mailbox>?2 ORDER BY mailbox,relay",
    [OTHERS_BEHIND] = "SELECT tenant,mailbox FROM usage WHERE (tenant,mailbox)>(?1,?2) ORDER BY tenant,mailbox,relay "
                      "LIMIT 1 OFFSET ?3",
    [OTHERS_FORGET] = "DELETE FROM usage WHERE (tenant,mailbox)>(?1,?2) AND (tenant,mailbox)<=(?3,?4) AND last<?5",
    [OTHERS_COUNT] = "SELECT count(*) FROM usage",
    [OTHERS_FORGET_MOST] = "DELETE FROM usage WHERE (tenant,mailbox,relay) IN (SELECT tenant,mailbox,relay FROM usage "
                           "ORDER BY last LIMIT ?1)",
    [OTHERS_FORGET_RELAYS] = "DELETE FROM relays WHERE heard<?1 AND NOT EXISTS (SELECT 1 FROM usage WHERE relay=id)",
};

static const struct database_kind others_kind = {
    .name = OTHERS_NAME,
    .damaged = "usage-damaged.sqlite",
    .former = "usage-former.sqlite",
    .title = "usage of the other relays",
    .writers = "postern-cluster",
    .nothing = "postern-cluster has not run here yet",
    .remade = "postern-cluster makes them when it starts",
    .folder_mode = 0750,
    .shares_folder = true,
    .schema = schema,
    .n_schema = sizeof schema / sizeof schema[0],
    .version = OTHERS_VERSION,
    .statements = statements,
};

/* ---- open and close ---- */

int others_open(const char *folder, bool writer, struct others **out, struct error *notice, struct error *e)
{
    struct others *o = calloc(1, sizeof *o);

    if (o == NULL || (o->folder = strdup(folder)) == NULL) {
        free(o);
        return error_set(e, "out of memory");
    }
    o->fresh = OTHERS_ROWS_MAX; /* counted first of all */
    if (database_open(&others_kind, folder, writer, &o->file, notice, e) == 0) {
        *out = o;
        return 0;
    }
    free(o->folder);
    free(o);
    return -1;
}

void others_close(struct others *o)
{
    if (o == NULL)
        return;
    others_rollback(o);
    database_close(o->file, o->file->writer);
    free(o->folder);
    free(o);
}

bool others_stale(const struct others *o)
{
    return database_stale(o->file);
}

int others_failed(struct others *o, const char *what, int code, struct error *e)
{
    struct error notice, trouble;

    others_rollback(o);
    (void)database_error(o->file, e, what, code);
    if (database_damage(code) && o->file->writer && !database_stale(o->file))
        (void)database_set_aside(o->file, o->folder, &notice, &trouble);
    return error_prefix(e, "%s/" OTHERS_NAME, o->folder);
}

sqlite3_stmt *others_statement(struct others *o, enum others_sql which, struct error *e)
{
    sqlite3_stmt *s = database_statement(o->file, which);

    if (s == NULL)
        (void)others_failed(o, "read", sqlite3_extended_errcode(o->file->db), e);
    return s;
}

int others_run(struct others *o, sqlite3_stmt *s, struct error *e)
{
    int code;

    (void)sqlite3_step(s);
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : others_failed(o, "write", code, e);
}

static int run_named(struct others *o, enum others_sql which, struct error *e)
{
    sqlite3_stmt *s = others_statement(o, which, e);

    return s != NULL ? others_run(o, s, e) : -1;
}

int others_begin(struct others *o, struct error *e)
{
    if (run_named(o, OTHERS_BEGIN, e) != 0)
        return -1;
    o->transacts = true;
    return 0;
}

int others_commit(struct others *o, struct error *e)
{
    if (run_named(o, OTHERS_COMMIT, e) != 0)
        return -1;
    o->transacts = false;
    (void)database_checkpoint(o->file);
    return 0;
}

void others_rollback(struct others *o)
{
    sqlite3_stmt *s;

    if (!o->transacts)
        return;
    o->transacts = false;
    if ((s = database_statement(o->file, OTHERS_ROLLBACK)) == NULL)
        return;
    (void)sqlite3_step(s);
    (void)sqlite3_reset(s);
}

/* ---- values ---- */

void others_bind_text(sqlite3_stmt *s, int parameter, struct slice text)
{
    (void)sqlite3_bind_text(s, parameter, text.n > 0 ? text.p : "", (int)text.n, SQLITE_STATIC);
}

size_t others_read_text(sqlite3_stmt *s, int column, char *out, size_t cap)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    size_t n = text != NULL ? strnlen(text, (size_t)sqlite3_column_bytes(s, column)) : 0;

    n = n < cap ? n : 0;
    if (n > 0)
        memcpy(out, text, n);
    out[n] = '\0';
    return n;
}

/* ---- relays ---- */

static void read_relay(sqlite3_stmt *s, struct others_relay *r)
{
    r->id = sqlite3_column_int64(s, 0);
    (void)others_read_text(s, 1, r->name, sizeof r->name);
    r->last = (struct told_place){database_column_number(s, 2), database_column_number(s, 3)};
    r->from = (struct told_place){database_column_number(s, 4), database_column_number(s, 5)};
    r->complete = sqlite3_column_int64(s, 6) != 0;
    r->as_of_s = (int64_t)database_column_number(s, 7);
    r->since_s = (int64_t)database_column_number(s, 8);
    r->heard_s = (int64_t)database_column_number(s, 9);
}

int others_relay(struct others *o, struct slice name, struct others_relay *out, struct error *e)
{
    sqlite3_stmt *s = others_statement(o, OTHERS_RELAY, e);
    struct buf b = BUF_OVER(out->name);
    int code;

    if (s == NULL)
        return -1;
    memset(out, 0, sizeof *out);
    buf_add(&b, name);
    others_bind_text(s, 1, name);
    if (sqlite3_step(s) == SQLITE_ROW)
        read_relay(s, out);
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : others_failed(o, "read", code, e);
}

int others_relays(struct others *o, struct others_relay list[OTHERS_RELAYS_MAX], size_t *n, struct error *e)
{
    sqlite3_stmt *s = others_statement(o, OTHERS_RELAYS, e);
    int code;

    *n = 0;
    if (s == NULL)
        return -1;
    while (*n < OTHERS_RELAYS_MAX && sqlite3_step(s) == SQLITE_ROW)
        read_relay(s, &list[(*n)++]);
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : others_failed(o, "read", code, e);
}

int others_keep_relay(struct others *o, struct others_relay *r, struct error *e)
{
    sqlite3_stmt *s = others_statement(o, r->id == 0 ? OTHERS_ADD_RELAY : OTHERS_SET_RELAY, e);

    if (s == NULL)
        return -1;
    if (r->id != 0)
        (void)sqlite3_bind_int64(s, 1, r->id);
    others_bind_text(s, 2, slice_of(r->name));
    database_bind_number(s, 3, r->last.series);
    database_bind_number(s, 4, r->last.number);
    database_bind_number(s, 5, r->from.series);
    database_bind_number(s, 6, r->from.number);
    (void)sqlite3_bind_int64(s, 7, r->complete);
    (void)sqlite3_bind_int64(s, 8, r->as_of_s);
    (void)sqlite3_bind_int64(s, 9, r->since_s);
    (void)sqlite3_bind_int64(s, 10, r->heard_s);
    if (others_run(o, s, e) != 0)
        return -1;
    if (r->id == 0)
        r->id = sqlite3_last_insert_rowid(o->file->db);
    return 0;
}

/* ---- this relay ---- */

int others_load_own(struct others *o, struct others_own *own, struct error *e)
{
    sqlite3_stmt *s = others_statement(o, OTHERS_OWN, e);
    int code;

    memset(own, 0, sizeof *own);
    if (s == NULL)
        return -1;
    if (sqlite3_step(s) == SQLITE_ROW) {
        (void)others_read_text(s, 0, own->epoch, sizeof own->epoch);
        own->read_to[0] = database_column_number(s, 1);
        own->read_to[1] = database_column_number(s, 2);
        own->shared_s = (int64_t)database_column_number(s, 3);
        own->told = (struct told_place){database_column_number(s, 4), database_column_number(s, 5)};
        own->changed_s = (int64_t)database_column_number(s, 6);
        own->full_s = (int64_t)database_column_number(s, 7);
        own->full = sqlite3_column_int64(s, 8) != 0;
        own->full_from = (struct told_place){database_column_number(s, 9), database_column_number(s, 10)};
        (void)others_read_text(s, 11, own->tenant, sizeof own->tenant);
        (void)others_read_text(s, 12, own->mailbox, sizeof own->mailbox);
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : others_failed(o, "read", code, e);
}

int others_save_own(struct others *o, const struct others_own *own, struct error *e)
{
    sqlite3_stmt *s = others_statement(o, OTHERS_SET_OWN, e);

    if (s == NULL)
        return -1;
    others_bind_text(s, 1, slice_of(own->epoch));
    database_bind_number(s, 2, own->read_to[0]);
    database_bind_number(s, 3, own->read_to[1]);
    (void)sqlite3_bind_int64(s, 4, own->shared_s);
    database_bind_number(s, 5, own->told.series);
    database_bind_number(s, 6, own->told.number);
    (void)sqlite3_bind_int64(s, 7, own->changed_s);
    (void)sqlite3_bind_int64(s, 8, own->full_s);
    (void)sqlite3_bind_int64(s, 9, own->full);
    database_bind_number(s, 10, own->full_from.series);
    database_bind_number(s, 11, own->full_from.number);
    others_bind_text(s, 12, slice_of(own->tenant));
    others_bind_text(s, 13, slice_of(own->mailbox));
    return others_run(o, s, e);
}

/* ---- reading ---- */

void others_begin_reading(struct others *o)
{
    o->file->deadline_ns = clock_boot_ns() + PIECE_NS;
}

int others_since(struct others *o, int64_t *since_s, struct error *e)
{
    struct others_relay list[OTHERS_RELAYS_MAX];
    size_t n;

    *since_s = 0;
    others_begin_reading(o);
    if (others_relays(o, list, &n, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (list[i].since_s > *since_s)
            *since_s = list[i].since_s;
    return 0;
}

static void tell_gap(const struct others_relay *r, int64_t now_s, usage_gap_each *each, void *arg)
{
    struct usage_gap gap = {.kind = USAGE_GAP_LATE, .relay = r->name, .told_s = r->as_of_s, .now_s = now_s};
    int64_t sign_s = r->heard_s > r->as_of_s ? r->heard_s : r->as_of_s;

    if (sign_s < now_s - USAGE_RELAY_GONE_S)
        return;
    if (r->as_of_s == 0)
        gap.kind = r->last.series == 0 ? USAGE_GAP_NEVER : USAGE_GAP_PART;
    else if (r->as_of_s >= now_s - USAGE_TOLD_LATE_S && !r->complete)
        gap.kind = USAGE_GAP_PART;
    else if (r->as_of_s >= now_s - USAGE_TOLD_LATE_S)
        return;
    each(arg, &gap);
}

int others_gaps(struct others *o, int64_t now_s, usage_gap_each *each, void *arg, struct error *e)
{
    struct usage_gap none = {.kind = USAGE_GAP_ALL, .now_s = now_s};
    struct others_relay list[OTHERS_RELAYS_MAX];
    struct others_own own;
    size_t n;

    others_begin_reading(o);
    if (others_relays(o, list, &n, e) != 0 || others_load_own(o, &own, e) != 0)
        return -1;
    /* First of all, since it is why the others are late. */
    if (own.shared_s < now_s - USAGE_TOLD_LATE_S)
        none.why = "postern-cluster does not run here, or reaches no Redis";
    else if (n == 0)
        none.why = "none has been heard of yet";
    if (none.why != NULL)
        each(arg, &none);
    for (size_t i = 0; i < n; i++)
        tell_gap(&list[i], now_s, each, arg);
    return 0;
}
