/* Reading: a piece is copied in one short transaction, and shown when that is over. */
#include "core/base/clock.h"
#include "core/base/quote.h"
#include "core/journal/journal_parts.h"

#include <stdlib.h>

#define PIECE_DECISIONS 256u
#define PIECE_USAGE 512u
#define PIECE_LOOKS 8192u                  /* rows that a piece goes over while none can be read */
#define PIECE_NS (UINT64_C(20) * NS_PER_S) /* a damaged database could keep a reader for ever */

/* ---- one query, which returns rows that are read as they come ---- */

/* With file_lock held: prepares it. NULL with e. */
static sqlite3_stmt *prepare(struct journal *j, const char *sql, struct error *e)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(j->file->db, sql, -1, &s, NULL);

    if (code != SQLITE_OK)
        (void)journal_failed(j, "read", code, e);
    return s;
}

static void lock(struct journal *j)
{
    (void)pthread_mutex_lock(&j->file_lock);
}

static void unlock(struct journal *j)
{
    (void)pthread_mutex_unlock(&j->file_lock);
}

/* Before a piece, with file_lock held. 0; -1 with e. */
static int begin_piece(struct journal *j, struct error *e)
{
    if (journal_ensure(j, e) != 0)
        return -1;
    j->file->deadline_ns = clock_boot_ns() + PIECE_NS;
    return 0;
}

/* The one number that the query returns; 0 where that is NULL. */
static int read_one(struct journal *j, const char *sql, uint64_t *number, struct error *e)
{
    sqlite3_stmt *s = NULL;
    int result = -1, code;

    *number = 0;
    lock(j);
    if (begin_piece(j, e) == 0 && (s = prepare(j, sql, e)) != NULL) {
        if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int64(s, 0) > 0)
            *number = (uint64_t)sqlite3_column_int64(s, 0);
        code = sqlite3_finalize(s);
        result = code == SQLITE_OK ? 0 : journal_failed(j, "read", code, e);
    }
    unlock(j);
    return result;
}

/* ---- decisions ---- */

/*
 * Rows come by several ways, each of them in order: from both tables, and in each by the name that it is indexed under,
 * by that of its mailbox, and by a login that is not the mailbox's address. The newest of all is next; one that comes
 * by two ways comes once.
 */
#define WAYS 3
#define PATHS (2 * WAYS)

static const char *const tables[2] = {"messages", "refusals"};
static const char *const ways[WAYS] = {
    " AND coalesce(mailbox,login,connector)=?3 COLLATE NOCASE",
    " AND coalesce(mailbox,login,connector)=?4 COLLATE NOCASE",
    " AND login=?3 COLLATE NOCASE AND login<>mailbox",
};

struct path {
    sqlite3_stmt *s; /* NULL: it has nothing more */
    int table;
    int64_t at; /* of the row at hand */
};

struct decisions_walk {
    const struct journal_query *query;
    int64_t before[2]; /* of each table: rows of that time and later were shown */
    struct journal_record *piece;
    unsigned n;
    bool end;
};

static bool has_way(const struct journal_query *q, int way)
{
    if (q->name == NULL)
        return way == 0;
    return way != 1 ||
           (q->mailbox != NULL && q->mailbox[0] != '\0' && !slice_ieq(slice_of(q->mailbox), slice_of(q->name)));
}

static int path_step(struct path *p)
{
    int code = sqlite3_step(p->s);

    if (code == SQLITE_ROW) {
        p->at = sqlite3_column_int64(p->s, 0);
        return SQLITE_OK;
    }
    code = sqlite3_finalize(p->s);
    p->s = NULL;
    return code;
}

static int path_open(struct journal *j, const struct decisions_walk *w, struct path *p, int table, int way)
{
    const struct journal_query *q = w->query;
    char sql[640];
    struct buf b = BUF_OVER(sql);
    int code;

    buf_addf(&b, "SELECT " DECISION_COLUMNS " FROM %s WHERE at<?1 AND at>=?2%s%s ORDER BY at DESC", tables[table],
             q->name != NULL ? ways[way] : "", q->monitored ? " AND would IS NOT NULL" : "");
    code = sqlite3_prepare_v2(j->file->db, sql, (int)b.n, &p->s, NULL);
    if (code != SQLITE_OK)
        return code;
    p->table = table;
    (void)sqlite3_bind_int64(p->s, 1, w->before[table]);
    (void)sqlite3_bind_int64(p->s, 2, q->since_ns < INT64_MAX ? (int64_t)q->since_ns : INT64_MAX);
    if (q->name != NULL) {
        (void)sqlite3_bind_text(p->s, 3, q->name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(p->s, 4, q->mailbox, -1, SQLITE_STATIC);
    }
    return path_step(p);
}

static struct path *newest(struct path paths[PATHS])
{
    struct path *best = NULL;

    for (int i = 0; i < PATHS; i++)
        if (paths[i].s != NULL && (best == NULL || paths[i].at > best->at))
            best = &paths[i];
    return best;
}

/* Takes the row at hand, unless another way brought it; and steps on. */
static int take(struct decisions_walk *w, struct path *p)
{
    if (p->at < w->before[p->table]) {
        w->before[p->table] = p->at;
        w->n += decision_read(p->s, &w->piece[w->n]);
    }
    return path_step(p);
}

static int fill_piece(struct journal *j, struct decisions_walk *w)
{
    struct path paths[PATHS] = {{NULL, 0, 0}}, *p = NULL;
    int code = SQLITE_OK;

    for (int i = 0; i < PATHS && code == SQLITE_OK; i++)
        if (has_way(w->query, i % WAYS))
            code = path_open(j, w, &paths[i], i / WAYS, i % WAYS);
    for (unsigned looks = 0;
         code == SQLITE_OK && (p = newest(paths)) != NULL && w->n < PIECE_DECISIONS && looks < PIECE_LOOKS; looks++)
        code = take(w, p);
    w->end = p == NULL;
    for (int i = 0; i < PATHS; i++)
        (void)sqlite3_finalize(paths[i].s);
    return code;
}

static int read_piece(struct journal *j, struct decisions_walk *w, struct error *e)
{
    int result, code;

    w->n = 0;
    lock(j);
    result = begin_piece(j, e);
    if (result == 0 && (code = fill_piece(j, w)) != SQLITE_OK)
        result = journal_failed(j, "read", code, e);
    unlock(j);
    return result;
}

int journal_decisions(struct journal *j, const struct journal_query *query,
                      bool (*each)(void *arg, const struct journal_record *record), void *arg, struct error *e)
{
    struct decisions_walk w = {.query = query, .before = {INT64_MAX, INT64_MAX}};
    bool more = true;
    int result = 0;

    w.piece = calloc(PIECE_DECISIONS, sizeof *w.piece);
    if (w.piece == NULL)
        return error_set(e, "out of memory");
    while (more && !w.end && (result = read_piece(j, &w, e)) == 0)
        for (unsigned i = 0; i < w.n && more; i++)
            more = each(arg, &w.piece[i]);
    free(w.piece);
    return result;
}

int journal_oldest(struct journal *j, uint64_t *at_ns, struct error *e)
{
    return read_one(
        j, "SELECT min(at) FROM (SELECT min(at) AS at FROM messages UNION ALL SELECT min(at) FROM refusals)", at_ns, e);
}

/* ---- usage ---- */

struct named_usage {
    size_t tenant_n, mailbox_n;
    char tenant[sizeof((struct journal_record *)0)->tenant], mailbox[sizeof((struct journal_record *)0)->mailbox];
    struct usage usage;
};

struct usage_walk {
    struct named_usage piece[PIECE_USAGE];
    struct named_usage last; /* the names of the last row that was looked at */
    const struct usage_query *query;
    unsigned n;
    bool begun, end;
};

/* A name that is too long is none of ours. */
static bool copy_name(sqlite3_stmt *s, int column, char *out, size_t cap, size_t *n)
{
    const void *text = sqlite3_column_text(s, column);

    *n = text != NULL ? (size_t)sqlite3_column_bytes(s, column) : 0;
    if (*n >= cap)
        return false;
    if (*n > 0)
        memcpy(out, text, *n);
    out[*n] = '\0';
    return true;
}

/* 1: it was read; 0: it is left out; -1: it cannot be gone on from. */
static int take_usage(struct usage_walk *w, sqlite3_stmt *s)
{
    struct named_usage *u = &w->piece[w->n];

    if (!copy_name(s, 0, u->tenant, sizeof u->tenant, &u->tenant_n) ||
        !copy_name(s, 1, u->mailbox, sizeof u->mailbox, &u->mailbox_n))
        return -1;
    w->begun = true;
    memcpy(&w->last, u, offsetof(struct named_usage, usage));
    usage_read(s, 2, &u->usage);
    return u->mailbox_n > 0;
}

static void bind_name(sqlite3_stmt *s, int parameter, const char *text, size_t n)
{
    (void)sqlite3_bind_text(s, parameter, text, (int)n, SQLITE_STATIC);
}

static sqlite3_stmt *open_usage(struct journal *j, const struct usage_walk *w, struct error *e)
{
    const struct usage_query *q = w->query;
    char sql[640];
    struct buf b = BUF_OVER(sql);
    sqlite3_stmt *s;

    buf_addf(&b, "SELECT tenant,mailbox," USAGE_COLUMNS " FROM usage WHERE %s%s%s%s%s%s ORDER BY tenant,mailbox",
             w->begun ? "(tenant,mailbox)>(?1,?2)" : "1", q->tenant.n > 0 ? " AND tenant=?3" : "",
             q->sent ? " AND messages>0 AND last>=?4" : "", q->refused ? " AND refused<>'' AND last_refused>=?5" : "",
             q->basic ? " AND basic>0" : "", q->old_tls ? " AND tls_none+tls_old+tls_1_0+tls_1_1>0" : "");
    s = prepare(j, sql, e);
    if (s == NULL)
        return NULL;
    bind_name(s, 1, w->last.tenant, w->last.tenant_n);
    bind_name(s, 2, w->last.mailbox, w->last.mailbox_n);
    if (q->tenant.n > 0)
        bind_name(s, 3, q->tenant.p, q->tenant.n);
    (void)sqlite3_bind_int64(s, 4, q->sent_since_s);
    (void)sqlite3_bind_int64(s, 5, q->refused_since_s);
    return s;
}

/* With file_lock held. */
static int fill_usage(struct journal *j, struct usage_walk *w, struct error *e)
{
    sqlite3_stmt *s = open_usage(j, w, e);
    int code = SQLITE_ROW, took = 0;

    if (s == NULL)
        return -1;
    w->n = 0;
    for (unsigned looks = 0; w->n < PIECE_USAGE && looks < PIECE_LOOKS && took >= 0; looks++) {
        if ((code = sqlite3_step(s)) != SQLITE_ROW)
            break;
        took = take_usage(w, s);
        w->n += took > 0;
    }
    w->end = code == SQLITE_DONE;
    code = sqlite3_finalize(s);
    return code != SQLITE_OK || took < 0 ? journal_failed(j, "read", took < 0 ? SQLITE_CORRUPT : code, e) : 0;
}

int journal_usage(struct journal *j, const struct usage_query *query,
                  bool (*each)(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage),
                  void *arg, struct error *e)
{
    struct usage_walk *w = calloc(1, sizeof *w);
    bool more = true;
    int result = 0;

    if (w == NULL)
        return error_set(e, "out of memory");
    w->query = query;
    while (more && !w->end && result == 0) {
        lock(j);
        result = begin_piece(j, e) == 0 ? fill_usage(j, w, e) : -1;
        unlock(j);
        for (unsigned i = 0; result == 0 && i < w->n && more; i++) {
            const struct named_usage *u = &w->piece[i];

            more =
                each(arg, (struct slice){u->tenant, u->tenant_n}, (struct slice){u->mailbox, u->mailbox_n}, &u->usage);
        }
    }
    free(w);
    return result;
}

/* With file_lock held. */
static int read_usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage,
                         struct error *e)
{
    sqlite3_stmt *s = database_statement(j->file, SQL_USAGE_OF);
    int found = 0, code;

    if (s == NULL)
        return journal_failed(j, "read", sqlite3_extended_errcode(j->file->db), e);
    bind_name(s, 1, tenant.p, tenant.n);
    bind_name(s, 2, mailbox.p, mailbox.n);
    if (sqlite3_step(s) == SQLITE_ROW) {
        usage_read(s, 0, usage);
        found = 1;
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? found : journal_failed(j, "read", code, e);
}

int journal_usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage, struct error *e)
{
    char name[USAGE_NAME_MAX];
    struct slice key = {name, usage_name(tenant, mailbox, name)};
    int result;

    if (key.n == 0)
        return 0;
    (void)slice_cut(key, '\0', &tenant, &mailbox);
    lock(j);
    result = begin_piece(j, e) == 0 ? read_usage_of(j, tenant, mailbox, usage, e) : -1;
    unlock(j);
    return result;
}

int journal_usage_since(struct journal *j, int64_t *first_s, struct error *e)
{
    uint64_t first;
    int result = read_one(j, "SELECT value FROM meta WHERE name='first'", &first, e);

    *first_s = (int64_t)first;
    return result;
}

/* ---- totals ---- */

struct total {
    char program[PROGRAM_NAME_MAX];
    enum action action;
    enum reason reason;
    uint64_t count;
};

/* As many as there can be of several programs; a database that somebody else filled has more, which are left out. */
#define TOTALS_MAX 1024u

static bool read_total(sqlite3_stmt *s, struct total *t)
{
    struct slice verdict = slice_of((const char *)sqlite3_column_text(s, 1));
    size_t n;

    if (!copy_name(s, 0, t->program, sizeof t->program, &n) || n == 0 || sqlite3_column_int64(s, 3) < 0 ||
        !reason_find(slice_of((const char *)sqlite3_column_text(s, 2)), &t->reason))
        return false;
    t->count = (uint64_t)sqlite3_column_int64(s, 3);
    for (unsigned i = 0; i <= ACTION_HOLD; i++)
        if (slice_eq(verdict, slice_of(action_name((enum action)i)))) {
            t->action = (enum action)i;
            return true;
        }
    return false;
}

/* With file_lock held. */
static int fill_totals(struct journal *j, struct total *list, unsigned *n, struct error *e)
{
    sqlite3_stmt *s = prepare(j, "SELECT program,verdict,reason,count FROM totals LIMIT 8192", e);
    int code;

    if (s == NULL)
        return -1;
    while (*n < TOTALS_MAX && sqlite3_step(s) == SQLITE_ROW)
        *n += read_total(s, &list[*n]);
    code = sqlite3_finalize(s);
    return code == SQLITE_OK ? 0 : journal_failed(j, "read", code, e);
}

int journal_totals(struct journal *j,
                   bool (*each)(void *arg, const char *program, enum action action, enum reason reason, uint64_t count),
                   void *arg, struct error *e)
{
    struct total *list = calloc(TOTALS_MAX, sizeof *list);
    unsigned n = 0;
    int result;

    if (list == NULL)
        return error_set(e, "out of memory");
    lock(j);
    result = begin_piece(j, e) == 0 ? fill_totals(j, list, &n, e) : -1;
    unlock(j);
    for (unsigned i = 0; result == 0 && i < n; i++)
        if (!each(arg, list[i].program, list[i].action, list[i].reason, list[i].count))
            break;
    free(list);
    return result;
}

int journal_dropped(struct journal *j, uint64_t *count, struct error *e)
{
    return read_one(j, "SELECT sum(count) FROM dropped", count, e);
}
