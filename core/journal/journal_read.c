/* Reading: a piece is copied in one short transaction, and shown when that is over. */
#include "core/base/clock.h"
#include "core/base/quote.h"
#include "core/journal/journal_parts.h"

#include <stdlib.h>

#define PIECE_DECISIONS 256u
#define PIECE_LOOKS 8192u /* rows that a piece goes over while none can be read */
#define FOUND_MAX ((size_t)4 * (JOURNAL_DECISIONS_MAX + JOURNAL_REFUSALS_MAX))
#define PIECE_NS (UINT64_C(20) * NS_PER_S) /* a damaged database could keep a reader for ever */

/* ---- one query, which returns rows that are read as they come ---- */

sqlite3_stmt *journal_prepare(struct journal *j, const char *sql, struct error *e)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(j->file->db, sql, -1, &s, NULL);

    if (code != SQLITE_OK)
        (void)journal_failed(j, "read", code, e);
    return s;
}

int journal_begin_piece(struct journal *j, struct error *e)
{
    if (journal_ensure(j, e) != 0)
        return -1;
    j->file->deadline_ns = clock_boot_ns() + PIECE_NS;
    return 0;
}

int journal_read_one(struct journal *j, const char *sql, uint64_t *number, struct error *e)
{
    sqlite3_stmt *s = NULL;
    int result = -1, code;

    *number = 0;
    journal_lock(j);
    if (journal_begin_piece(j, e) == 0 && (s = journal_prepare(j, sql, e)) != NULL) {
        if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int64(s, 0) > 0)
            *number = (uint64_t)sqlite3_column_int64(s, 0);
        code = sqlite3_finalize(s);
        result = code == SQLITE_OK ? 0 : journal_failed(j, "read", code, e);
    }
    journal_unlock(j);
    return result;
}

/* ---- decisions ---- */

static const char *const tables[2] = {"messages", "refusals"};

/* Where a decision is. */
struct place {
    int64_t at;
    int table;
};

struct decisions_walk {
    const struct journal_query *query;
    int64_t before[2];   /* without a name: of each table, rows of that time and later were shown */
    struct place *found; /* with a name: all that have one of its keys, the newest first */
    size_t found_n, found_cap, found_at;
    struct journal_record *piece;
    unsigned n;
    bool end;
};

static sqlite3_stmt *select_decisions(struct journal *j, const struct decisions_walk *w, int table, const char *where,
                                      int *code)
{
    char sql[640];
    struct buf b = BUF_OVER(sql);
    sqlite3_stmt *s = NULL;

    buf_addf(&b, "SELECT " DECISION_COLUMNS " FROM %s WHERE %s%s ORDER BY at DESC", tables[table], where,
             w->query->monitored ? " AND would IS NOT NULL" : "");
    *code = sqlite3_prepare_v2(j->file->db, sql, (int)b.n, &s, NULL);
    return s;
}

static int64_t since_of(const struct journal_query *q)
{
    return q->since_ns < INT64_MAX ? (int64_t)q->since_ns : INT64_MAX;
}

/* ---- all of them: the newer one of both tables is next ---- */

struct path {
    sqlite3_stmt *s; /* NULL: it has nothing more */
    int64_t at;      /* of the row at hand */
};

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

static int path_open(struct journal *j, const struct decisions_walk *w, int table, struct path *p)
{
    int code;

    p->s = select_decisions(j, w, table, "at<?1 AND at>=?2", &code);
    if (code != SQLITE_OK)
        return code;
    (void)sqlite3_bind_int64(p->s, 1, w->before[table]);
    (void)sqlite3_bind_int64(p->s, 2, since_of(w->query));
    return path_step(p);
}

static int fill_all(struct journal *j, struct decisions_walk *w)
{
    struct path paths[2] = {{NULL, 0}, {NULL, 0}};
    int code = path_open(j, w, 0, &paths[0]);

    if (code == SQLITE_OK)
        code = path_open(j, w, 1, &paths[1]);
    for (unsigned looks = 0; code == SQLITE_OK && w->n < PIECE_DECISIONS && looks < PIECE_LOOKS; looks++) {
        int newer = paths[0].s == NULL || (paths[1].s != NULL && paths[1].at > paths[0].at);

        if ((w->end = paths[newer].s == NULL))
            break;
        w->before[newer] = paths[newer].at;
        w->n += decision_read(paths[newer].s, &w->piece[w->n]);
        code = path_step(&paths[newer]);
    }
    for (int i = 0; i < 2; i++)
        (void)sqlite3_finalize(paths[i].s);
    return code;
}

/* ---- those of a name: found by its keys first, and then read ---- */

static bool is_name(struct slice name, struct slice text)
{
    return name.n > 0 && slice_ieq(name, text);
}

/* Is it one of those that are looked for? What only has the same key is not. */
static bool has_name(const struct journal_query *q, const struct journal_record *r)
{
    struct slice name = slice_of(q->name), mailbox = slice_of(q->mailbox), login = slice_of(r->login);

    if (r->mailbox[0] != '\0')
        return is_name(name, slice_of(r->mailbox)) || is_name(mailbox, slice_of(r->mailbox)) || is_name(name, login);
    if (login.n == 0)
        return is_name(name, slice_of(r->connector)) || is_name(mailbox, slice_of(r->connector));
    return q->account.n > 0 || is_name(name, login) || is_name(mailbox, login);
}

static bool add_place(struct decisions_walk *w, struct place place)
{
    if (w->found_n == w->found_cap) {
        size_t cap = w->found_cap == 0 ? 1024 : 2 * w->found_cap;
        struct place *more = realloc(w->found, cap * sizeof *more);

        if (more == NULL)
            return false;
        w->found = more;
        w->found_cap = cap;
    }
    w->found[w->found_n++] = place;
    return true;
}

/* A code. More than FOUND_MAX can only be in a database that somebody else filled. */
static int find_key(struct journal *j, struct decisions_walk *w, int table, const char *column, struct slice name)
{
    char sql[640];
    struct buf b = BUF_OVER(sql);
    const char *t = tables[table];
    sqlite3_stmt *s = NULL;
    int code;

    buf_addf(&b,
             "WITH RECURSIVE parts(n) AS (SELECT max(part) FROM %s UNION ALL SELECT (SELECT max(part) FROM %s WHERE "
             "part<n) FROM parts WHERE n IS NOT NULL) SELECT at FROM parts CROSS JOIN %s WHERE part=n AND %s=?1 AND "
             "at>=?2",
             t, t, t, column);
    code = sqlite3_prepare_v2(j->file->db, sql, (int)b.n, &s, NULL);
    if (code != SQLITE_OK)
        return code;
    (void)sqlite3_bind_int(s, 1, decision_key(name));
    (void)sqlite3_bind_int64(s, 2, since_of(w->query));
    while (w->found_n < FOUND_MAX && sqlite3_step(s) == SQLITE_ROW)
        if (!add_place(w, (struct place){sqlite3_column_int64(s, 0), table})) {
            (void)sqlite3_finalize(s);
            return SQLITE_NOMEM;
        }
    return sqlite3_finalize(s);
}

static int newest_first(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->at != y->at ? (x->at < y->at) - (x->at > y->at) : (x->table > y->table) - (x->table < y->table);
}

/* A row can have several of the keys. */
static void sort_found(struct decisions_walk *w)
{
    size_t n = 0;

    if (w->found_n > 1)
        qsort(w->found, w->found_n, sizeof *w->found, newest_first);
    for (size_t i = 0; i < w->found_n; i++)
        if (n == 0 || newest_first(&w->found[n - 1], &w->found[i]) != 0)
            w->found[n++] = w->found[i];
    w->found_n = n;
}

static int find_all(struct journal *j, struct decisions_walk *w)
{
    const struct journal_query *q = w->query;
    const struct {
        const char *column;
        struct slice name;
    } keys[] = {{"name_key", slice_of(q->name)},
                {"login_key", slice_of(q->name)},
                {"name_key", slice_of(q->mailbox)},
                {"name_key", q->account}};
    int code = SQLITE_OK;

    for (size_t i = 0; i < 2 * (sizeof keys / sizeof keys[0]) && code == SQLITE_OK; i++)
        if (keys[i / 2].name.n > 0)
            code = find_key(j, w, (int)(i % 2), keys[i / 2].column, keys[i / 2].name);
    sort_found(w);
    return code;
}

static int read_place(struct decisions_walk *w, sqlite3_stmt *s, int64_t at)
{
    (void)sqlite3_bind_int64(s, 1, at);
    if (sqlite3_step(s) == SQLITE_ROW) /* else it gave way by now */
        w->n += decision_read(s, &w->piece[w->n]) && has_name(w->query, &w->piece[w->n]);
    return sqlite3_reset(s);
}

static int fill_found(struct journal *j, struct decisions_walk *w)
{
    sqlite3_stmt *s[2] = {NULL, NULL};
    int code = w->found == NULL ? find_all(j, w) : SQLITE_OK;

    for (int i = 0; i < 2 && code == SQLITE_OK; i++)
        s[i] = select_decisions(j, w, i, "at=?1", &code);
    for (unsigned looks = 0;
         code == SQLITE_OK && w->found_at < w->found_n && w->n < PIECE_DECISIONS && looks < PIECE_LOOKS; looks++) {
        const struct place *place = &w->found[w->found_at++];

        code = read_place(w, s[place->table], place->at);
    }
    w->end = w->found_at == w->found_n;
    for (int i = 0; i < 2; i++)
        (void)sqlite3_finalize(s[i]);
    return code;
}

/* ---- either ---- */

static int read_piece(struct journal *j, struct decisions_walk *w, struct error *e)
{
    int result, code;

    w->n = 0;
    journal_lock(j);
    result = journal_begin_piece(j, e);
    if (result == 0 && (code = w->query->name != NULL ? fill_found(j, w) : fill_all(j, w)) != SQLITE_OK)
        result = journal_failed(j, "read", code, e);
    journal_unlock(j);
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
    free(w.found);
    free(w.piece);
    return result;
}

int journal_oldest(struct journal *j, uint64_t *at_ns, struct error *e)
{
    return journal_read_one(
        j, "SELECT min(at) FROM (SELECT min(at) AS at FROM messages UNION ALL SELECT min(at) FROM refusals)", at_ns, e);
}

bool journal_copy_name(sqlite3_stmt *s, int column, char *out, size_t cap, size_t *n)
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

/* ---- totals and counts: tables so short that they are read at once ---- */

struct short_table {
    const char *sql;
    size_t row_bytes;
    unsigned most; /* rows; a database that somebody else filled has more, which are left out */
    bool (*read)(sqlite3_stmt *s, void *row); /* false: that is none of ours */
};

/* With file_lock held. */
static int fill_rows(struct journal *j, const struct short_table *t, char *rows, unsigned *n, struct error *e)
{
    sqlite3_stmt *s = journal_prepare(j, t->sql, e);
    int code;

    if (s == NULL)
        return -1;
    while (*n < t->most && sqlite3_step(s) == SQLITE_ROW)
        *n += t->read(s, rows + *n * t->row_bytes);
    code = sqlite3_finalize(s);
    return code == SQLITE_OK ? 0 : journal_failed(j, "read", code, e);
}

/* The rows, malloc'ed, and how many; NULL with e. */
static void *read_short_table(struct journal *j, const struct short_table *t, unsigned *n, struct error *e)
{
    char *rows = calloc(t->most, t->row_bytes);
    int result;

    *n = 0;
    if (rows == NULL) {
        (void)error_set(e, "out of memory");
        return NULL;
    }
    journal_lock(j);
    result = journal_begin_piece(j, e) == 0 ? fill_rows(j, t, rows, n, e) : -1;
    journal_unlock(j);
    if (result == 0)
        return rows;
    free(rows);
    return NULL;
}

struct total {
    char program[PROGRAM_NAME_MAX];
    enum action action;
    enum reason reason;
    uint64_t count;
};

static bool read_total(sqlite3_stmt *s, void *row)
{
    struct slice verdict = slice_of((const char *)sqlite3_column_text(s, 1));
    struct total *t = row;
    size_t n;

    if (!journal_copy_name(s, 0, t->program, sizeof t->program, &n) || n == 0 || sqlite3_column_int64(s, 3) < 0 ||
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

int journal_totals(struct journal *j,
                   bool (*each)(void *arg, const char *program, enum action action, enum reason reason, uint64_t count),
                   void *arg, struct error *e)
{
    /* As many as there can be of several programs. */
    static const struct short_table totals = {"SELECT program,verdict,reason,count FROM totals LIMIT 8192",
                                              sizeof(struct total), 1024, read_total};
    unsigned n;
    struct total *list = read_short_table(j, &totals, &n, e);

    if (list == NULL)
        return -1;
    for (unsigned i = 0; i < n; i++)
        if (!each(arg, list[i].program, list[i].action, list[i].reason, list[i].count))
            break;
    free(list);
    return 0;
}

struct count {
    char program[PROGRAM_NAME_MAX];
    char name[sizeof((struct journal_record *)0)->limit];
    enum journal_counted what;
    uint64_t count;
};

static bool read_count(sqlite3_stmt *s, void *row)
{
    struct count *c = row;
    size_t n;

    if (!journal_copy_name(s, 0, c->program, sizeof c->program, &n) || n == 0 ||
        !counted_find(slice_of((const char *)sqlite3_column_text(s, 1)), &c->what) ||
        !journal_copy_name(s, 2, c->name, sizeof c->name, &n))
        return false;
    c->count = database_column_number(s, 3);
    return true;
}

int journal_counts(struct journal *j,
                   bool (*each)(void *arg, const char *program, enum journal_counted what, const char *name,
                                uint64_t count),
                   void *arg, struct error *e)
{
    static const struct short_table counts = {
        "SELECT program,what,name,count FROM counts ORDER BY what,name,program LIMIT 8192", sizeof(struct count),
        JOURNAL_COUNTS_MAX, read_count};
    unsigned n;
    struct count *list = read_short_table(j, &counts, &n, e);

    if (list == NULL)
        return -1;
    for (unsigned i = 0; i < n; i++)
        if (!each(arg, list[i].program, list[i].what, list[i].name, list[i].count))
            break;
    free(list);
    return 0;
}

int journal_dropped(struct journal *j, uint64_t *count, struct error *e)
{
    return journal_read_one(j, "SELECT sum(count) FROM dropped", count, e);
}
