#include "core/journal/others.h"

#include "core/base/clock.h"
#include "core/journal/database.h"
#include "core/journal/usage_row.h"

#include <stdlib.h>

#define OTHERS_VERSION 1
#define PIECE_NS (UINT64_C(20) * NS_PER_S) /* a damaged database could keep a reader for ever */
/* Mailboxes that one transaction looks at, or rows that it removes. */
#define FORGET_AT_ONCE INT64_C(8192)

enum others_sql {
    OTHERS_BEGIN,
    OTHERS_COMMIT,
    OTHERS_ROLLBACK,
    OTHERS_RELAY,       /* ?1 name: RELAY_COLUMNS */
    OTHERS_RELAYS,      /* all: RELAY_COLUMNS */
    OTHERS_ADD_RELAY,   /* RELAY_COLUMNS but the id */
    OTHERS_SET_RELAY,   /* ?1 id, and what follows it in RELAY_COLUMNS */
    OTHERS_PUT_ROW,     /* tenant, mailbox, relay, last, row */
    OTHERS_OWN,         /* OWN_COLUMNS */
    OTHERS_SET_OWN,     /* the same */
    OTHERS_USAGE_OF,    /* ?1 tenant, ?2 mailbox: row */
    OTHERS_USAGE_FROM,  /* ?1 ?2: behind that mailbox: tenant, mailbox, row */
    OTHERS_TENANT_FROM, /* ?1 tenant, ?2: behind that mailbox of it: the same */
    OTHERS_BEHIND,      /* ?1 ?2, ?3: the mailbox that comes as many rows behind it */
    OTHERS_FORGET,      /* those behind ?1 ?2, up to ?3 ?4, that were seen before ?5 last */
    OTHERS_COUNT,
    OTHERS_FORGET_MOST,   /* ?1: as many, seen longest ago */
    OTHERS_FORGET_RELAYS, /* those without rows that were heard before ?1 last */
    OTHERS_STATEMENTS
};

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

struct others {
    struct database *file;
    char *folder;
    bool transacts;
    uint32_t fresh;                /* rows since they were last counted */
    char tenant[64], mailbox[128]; /* the last one that others_forget has looked at */
    bool forgets;                  /* it goes on behind that */
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

/* After an answer of SQLite that was not expected: -1 with e. A damaged one is set aside for the next others_open. */
static int failed(struct others *o, const char *what, int code, struct error *e)
{
    struct error notice, trouble;

    others_rollback(o);
    (void)database_error(o->file, e, what, code);
    if (database_damage(code) && o->file->writer && !database_stale(o->file))
        (void)database_set_aside(o->file, o->folder, &notice, &trouble);
    return error_prefix(e, "%s/" OTHERS_NAME, o->folder);
}

static sqlite3_stmt *statement(struct others *o, enum others_sql which, struct error *e)
{
    sqlite3_stmt *s = database_statement(o->file, which);

    if (s == NULL)
        (void)failed(o, "read", sqlite3_extended_errcode(o->file->db), e);
    return s;
}

static int run(struct others *o, sqlite3_stmt *s, struct error *e)
{
    int code;

    (void)sqlite3_step(s);
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : failed(o, "write", code, e);
}

static int run_named(struct others *o, enum others_sql which, struct error *e)
{
    sqlite3_stmt *s = statement(o, which, e);

    return s != NULL ? run(o, s, e) : -1;
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

static void bind_text(sqlite3_stmt *s, int parameter, struct slice text)
{
    (void)sqlite3_bind_text(s, parameter, text.n > 0 ? text.p : "", (int)text.n, SQLITE_STATIC);
}

/* The text of that column, up to a NUL; empty when it is too long for out, which is terminated. */
static size_t read_text(sqlite3_stmt *s, int column, char *out, size_t cap)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    size_t n = text != NULL ? strnlen(text, (size_t)sqlite3_column_bytes(s, column)) : 0;

    n = n < cap ? n : 0;
    if (n > 0)
        memcpy(out, text, n);
    out[n] = '\0';
    return n;
}

static struct slice row_of(sqlite3_stmt *s, int column)
{
    const void *bytes = sqlite3_column_blob(s, column);

    return (struct slice){bytes, bytes != NULL ? (size_t)sqlite3_column_bytes(s, column) : 0};
}

/* ---- relays ---- */

static void read_relay(sqlite3_stmt *s, struct others_relay *r)
{
    r->id = sqlite3_column_int64(s, 0);
    (void)read_text(s, 1, r->name, sizeof r->name);
    r->last = (struct told_place){database_column_number(s, 2), database_column_number(s, 3)};
    r->from = (struct told_place){database_column_number(s, 4), database_column_number(s, 5)};
    r->complete = sqlite3_column_int64(s, 6) != 0;
    r->as_of_s = (int64_t)database_column_number(s, 7);
    r->since_s = (int64_t)database_column_number(s, 8);
    r->heard_s = (int64_t)database_column_number(s, 9);
}

int others_relay(struct others *o, struct slice name, struct others_relay *out, struct error *e)
{
    sqlite3_stmt *s = statement(o, OTHERS_RELAY, e);
    struct buf b = BUF_OVER(out->name);
    int code;

    if (s == NULL)
        return -1;
    memset(out, 0, sizeof *out);
    buf_add(&b, name);
    bind_text(s, 1, name);
    if (sqlite3_step(s) == SQLITE_ROW)
        read_relay(s, out);
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : failed(o, "read", code, e);
}

int others_relays(struct others *o, struct others_relay list[OTHERS_RELAYS_MAX], size_t *n, struct error *e)
{
    sqlite3_stmt *s = statement(o, OTHERS_RELAYS, e);
    int code;

    *n = 0;
    if (s == NULL)
        return -1;
    while (*n < OTHERS_RELAYS_MAX && sqlite3_step(s) == SQLITE_ROW)
        read_relay(s, &list[(*n)++]);
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : failed(o, "read", code, e);
}

int others_keep_relay(struct others *o, struct others_relay *r, struct error *e)
{
    sqlite3_stmt *s = statement(o, r->id == 0 ? OTHERS_ADD_RELAY : OTHERS_SET_RELAY, e);

    if (s == NULL)
        return -1;
    if (r->id != 0)
        (void)sqlite3_bind_int64(s, 1, r->id);
    bind_text(s, 2, slice_of(r->name));
    database_bind_number(s, 3, r->last.series);
    database_bind_number(s, 4, r->last.number);
    database_bind_number(s, 5, r->from.series);
    database_bind_number(s, 6, r->from.number);
    (void)sqlite3_bind_int64(s, 7, r->complete);
    (void)sqlite3_bind_int64(s, 8, r->as_of_s);
    (void)sqlite3_bind_int64(s, 9, r->since_s);
    (void)sqlite3_bind_int64(s, 10, r->heard_s);
    if (run(o, s, e) != 0)
        return -1;
    if (r->id == 0)
        r->id = sqlite3_last_insert_rowid(o->file->db);
    return 0;
}

int others_put_row(struct others *o, const struct others_relay *relay, struct slice row, struct error *e)
{
    sqlite3_stmt *s = statement(o, OTHERS_PUT_ROW, e);
    struct slice rest = row, tenant, mailbox;
    struct usage usage;

    if (s == NULL)
        return -1;
    if (!usage_row_take(&rest, &tenant, &mailbox, &usage) || rest.n > 0)
        return 0; /* it would say nothing to a reader */
    bind_text(s, 1, tenant);
    bind_text(s, 2, mailbox);
    (void)sqlite3_bind_int64(s, 3, relay->id);
    (void)sqlite3_bind_int64(s, 4, usage_seen_s(&usage));
    (void)sqlite3_bind_blob(s, 5, row.p, (int)row.n, SQLITE_STATIC);
    o->fresh += o->fresh < UINT32_MAX;
    return run(o, s, e);
}

/* ---- this relay ---- */

int others_load_own(struct others *o, struct others_own *own, struct error *e)
{
    sqlite3_stmt *s = statement(o, OTHERS_OWN, e);
    int code;

    memset(own, 0, sizeof *own);
    if (s == NULL)
        return -1;
    if (sqlite3_step(s) == SQLITE_ROW) {
        (void)read_text(s, 0, own->epoch, sizeof own->epoch);
        own->read_to[0] = database_column_number(s, 1);
        own->read_to[1] = database_column_number(s, 2);
        own->shared_s = (int64_t)database_column_number(s, 3);
        own->told = (struct told_place){database_column_number(s, 4), database_column_number(s, 5)};
        own->changed_s = (int64_t)database_column_number(s, 6);
        own->full_s = (int64_t)database_column_number(s, 7);
        own->full = sqlite3_column_int64(s, 8) != 0;
        own->full_from = (struct told_place){database_column_number(s, 9), database_column_number(s, 10)};
        (void)read_text(s, 11, own->tenant, sizeof own->tenant);
        (void)read_text(s, 12, own->mailbox, sizeof own->mailbox);
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : failed(o, "read", code, e);
}

int others_save_own(struct others *o, const struct others_own *own, struct error *e)
{
    sqlite3_stmt *s = statement(o, OTHERS_SET_OWN, e);

    if (s == NULL)
        return -1;
    bind_text(s, 1, slice_of(own->epoch));
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
    bind_text(s, 12, slice_of(own->tenant));
    bind_text(s, 13, slice_of(own->mailbox));
    return run(o, s, e);
}

/* ---- forgetting ---- */

/* The mailbox up to which this time is looked; false with *last: there are not so many. */
static int find_next(struct others *o, char tenant[64], char mailbox[128], bool *last, struct error *e)
{
    sqlite3_stmt *s = statement(o, OTHERS_BEHIND, e);
    int code;

    *last = true;
    if (s == NULL)
        return -1;
    bind_text(s, 1, slice_of(o->tenant));
    bind_text(s, 2, slice_of(o->mailbox));
    (void)sqlite3_bind_int64(s, 3, FORGET_AT_ONCE);
    if (sqlite3_step(s) == SQLITE_ROW) {
        *last = false;
        (void)read_text(s, 0, tenant, sizeof o->tenant);
        (void)read_text(s, 1, mailbox, sizeof o->mailbox);
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : failed(o, "read", code, e);
}

/* There is no index by time, since each change would change it, too: see core/journal/journal_write.c. */
static int forget_part(struct others *o, int64_t before_s, struct error *e)
{
    char tenant[sizeof o->tenant], mailbox[sizeof o->mailbox];
    sqlite3_stmt *s;
    bool last;

    if (!o->forgets)
        o->tenant[0] = o->mailbox[0] = '\0';
    if (find_next(o, tenant, mailbox, &last, e) != 0 || (s = statement(o, OTHERS_FORGET, e)) == NULL)
        return -1;
    bind_text(s, 1, slice_of(o->tenant));
    bind_text(s, 2, slice_of(o->mailbox));
    if (last)
        (void)sqlite3_bind_zeroblob(s, 3, 0); /* in SQLite's order behind all texts */
    else
        bind_text(s, 3, slice_of(tenant));
    bind_text(s, 4, last ? SLICE("") : slice_of(mailbox));
    (void)sqlite3_bind_int64(s, 5, before_s);
    if (run(o, s, e) != 0)
        return -1;
    o->forgets = !last;
    if (!last) {
        memcpy(o->tenant, tenant, sizeof tenant);
        memcpy(o->mailbox, mailbox, sizeof mailbox);
    }
    return 0;
}

static int forget_beyond(struct others *o, struct error *e)
{
    sqlite3_stmt *s;
    int64_t beyond;

    if (o->fresh < OTHERS_ROWS_MAX / 32)
        return 0;
    if ((s = statement(o, OTHERS_COUNT, e)) == NULL)
        return -1;
    beyond = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) - (int64_t)OTHERS_ROWS_MAX : 0;
    (void)sqlite3_reset(s);
    o->fresh = beyond > FORGET_AT_ONCE ? o->fresh : 0; /* or again the next time */
    if (beyond <= 0)
        return 0;
    if ((s = statement(o, OTHERS_FORGET_MOST, e)) == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, beyond < FORGET_AT_ONCE ? beyond : FORGET_AT_ONCE);
    return run(o, s, e);
}

int others_forget(struct others *o, int64_t now_s, struct error *e)
{
    sqlite3_stmt *s;

    if (others_begin(o, e) != 0 || forget_part(o, now_s - USAGE_DAYS * INT64_C(86400), e) != 0 ||
        forget_beyond(o, e) != 0 || (s = statement(o, OTHERS_FORGET_RELAYS, e)) == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, now_s - USAGE_RELAY_GONE_S);
    return run(o, s, e) == 0 ? others_commit(o, e) : -1;
}

/* ---- reading ---- */

static void begin_reading(struct others *o)
{
    o->file->deadline_ns = clock_boot_ns() + PIECE_NS;
}

/* A row that can't be read is left out, as the journal's are. */
static bool add_row(struct slice row, struct usage *usage)
{
    struct slice tenant, mailbox;
    struct usage one;

    if (!usage_row_take(&row, &tenant, &mailbox, &one))
        return false;
    usage_add(usage, &one);
    return true;
}

int others_usage_of(struct others *o, struct slice tenant, struct slice mailbox, struct usage *usage, struct error *e)
{
    sqlite3_stmt *s;
    int found = 0, code;

    begin_reading(o);
    if ((s = statement(o, OTHERS_USAGE_OF, e)) == NULL)
        return -1;
    bind_text(s, 1, tenant);
    bind_text(s, 2, mailbox);
    while (sqlite3_step(s) == SQLITE_ROW)
        found |= add_row(row_of(s, 0), usage);
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? found : failed(o, "read", code, e);
}

static bool is_named(const struct named_usage *u, const struct named_usage *other)
{
    return u->tenant_n == other->tenant_n && u->mailbox_n == other->mailbox_n &&
           memcmp(u->tenant, other->tenant, u->tenant_n) == 0 && memcmp(u->mailbox, other->mailbox, u->mailbox_n) == 0;
}

static void read_names(sqlite3_stmt *s, struct named_usage *u)
{
    memset(u, 0, sizeof *u);
    u->tenant_n = read_text(s, 0, u->tenant, sizeof u->tenant);
    u->mailbox_n = read_text(s, 1, u->mailbox, sizeof u->mailbox);
}

int others_piece(struct others *o, const struct named_usage *behind, struct slice tenant, struct named_usage *piece,
                 unsigned most, unsigned *n, bool *end, struct error *e)
{
    struct named_usage next;
    sqlite3_stmt *s;
    int code;

    *n = 0;
    *end = true;
    begin_reading(o);
    if ((s = statement(o, tenant.n > 0 ? OTHERS_TENANT_FROM : OTHERS_USAGE_FROM, e)) == NULL)
        return -1;
    bind_text(s, 1, tenant.n > 0 ? tenant : behind != NULL ? slice_of(behind->tenant) : SLICE(""));
    bind_text(s, 2, behind != NULL ? slice_of(behind->mailbox) : SLICE(""));
    while (sqlite3_step(s) == SQLITE_ROW) {
        read_names(s, &next);
        if (*n > 0 && is_named(&next, &piece[*n - 1])) {
            (void)add_row(row_of(s, 2), &piece[*n - 1].usage);
            continue;
        }
        if (*n == most) {
            *end = false;
            break;
        }
        if (next.mailbox_n > 0 && add_row(row_of(s, 2), &next.usage))
            piece[(*n)++] = next;
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : failed(o, "read", code, e);
}

int others_since(struct others *o, int64_t *since_s, struct error *e)
{
    struct others_relay list[OTHERS_RELAYS_MAX];
    size_t n;

    *since_s = 0;
    begin_reading(o);
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

    begin_reading(o);
    if (others_relays(o, list, &n, e) != 0 || others_load_own(o, &own, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        tell_gap(&list[i], now_s, each, arg);
    if (n > 0 && own.shared_s >= now_s - USAGE_TOLD_LATE_S)
        return 0;
    none.why = own.shared_s < now_s - USAGE_TOLD_LATE_S ? "postern-cluster does not run here, or reaches no Redis"
                                                        : "none has been heard of yet";
    each(arg, &none);
    return 0;
}
