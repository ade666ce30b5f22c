#include "core/journal/block_history.h"

#include "core/base/clock.h"
#include "core/base/owner.h"
#include "core/journal/journal_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* In the database, too. */
static const char *const words[BLOCK_ENDS] = {
    [BLOCK_EXPIRED] = "expired", [BLOCK_LIFTED] = "lifted", [BLOCK_MERGED] = "merged", [BLOCK_GONE] = "gone"};

const char *block_end_word(enum block_end end)
{
    return words[end];
}

static enum block_end end_of(const char *word)
{
    for (unsigned i = 0; word != NULL && i < BLOCK_ENDS; i++)
        if (strcmp(words[i], word) == 0)
            return (enum block_end)i;
    return BLOCK_EXPIRED;
}

void block_row_of(const struct block *block, uint64_t now_ns, int64_t wall_s, struct block_row *out)
{
    *out = (struct block_row){.since_s = block->from_wall_s, .until_s = block_until_wall_s(block, now_ns, wall_s)};
    (void)snprintf(out->subject, sizeof out->subject, "%s", block->subject);
    (void)snprintf(out->limit, sizeof out->limit, "%s", block->limit);
    (void)snprintf(out->reason, sizeof out->reason, "%s", block->reason);
}

/* ---- writing: a code of SQLite ---- */

static void bind_text(sqlite3_stmt *s, int parameter, const char *text)
{
    (void)sqlite3_bind_text(s, parameter, text, -1, SQLITE_STATIC);
}

static int run(sqlite3_stmt *s)
{
    (void)sqlite3_step(s);
    return sqlite3_reset(s);
}

static int run_plain(struct database *f, enum journal_sql which)
{
    sqlite3_stmt *s = database_statement(f, which);

    return s != NULL ? run(s) : sqlite3_extended_errcode(f->db);
}

static void bind_row(sqlite3_stmt *s, const struct block_row *row)
{
    (void)sqlite3_bind_int64(s, 1, row->since_s);
    bind_text(s, 2, row->subject);
    bind_text(s, 3, row->limit);
}

static int put_seen(struct database *f, const struct block_row *row)
{
    sqlite3_stmt *s = database_statement(f, SQL_BLOCK_SEEN);

    if (s == NULL)
        return sqlite3_extended_errcode(f->db);
    bind_row(s, row);
    (void)sqlite3_bind_int64(s, 4, row->until_s);
    bind_text(s, 5, row->reason);
    return run(s);
}

static int put_ended(struct database *f, const struct block_row *row)
{
    sqlite3_stmt *s = database_statement(f, SQL_BLOCK_GONE);

    if (s == NULL)
        return sqlite3_extended_errcode(f->db);
    bind_row(s, row);
    (void)sqlite3_bind_int64(s, 4, row->ended_s);
    bind_text(s, 5, words[row->how]);
    bind_text(s, 6, row->by);
    return run(s);
}

static int put_lifted(struct database *f, const struct block_row *row)
{
    sqlite3_stmt *s = database_statement(f, SQL_BLOCK_LIFTED);

    if (s == NULL)
        return sqlite3_extended_errcode(f->db);
    bind_row(s, row);
    (void)sqlite3_bind_int64(s, 4, row->until_s);
    bind_text(s, 5, row->reason);
    (void)sqlite3_bind_int64(s, 6, row->ended_s);
    bind_text(s, 7, row->by);
    bind_text(s, 8, row->why);
    return run(s);
}

/* Of blocks that ended longer ago than usage is kept, and of the oldest when there are too many. */
static int forget(struct database *f, int64_t wall_s)
{
    sqlite3_stmt *s = database_statement(f, SQL_FORGET_BLOCKS);
    int code;

    if (s == NULL)
        return sqlite3_extended_errcode(f->db);
    (void)sqlite3_bind_int64(s, 1, wall_s - (int64_t)USAGE_DAYS * 86400);
    if ((code = run(s)) != SQLITE_OK)
        return code;
    if ((s = database_statement(f, SQL_FORGET_MOST_BLOCKS)) == NULL)
        return sqlite3_extended_errcode(f->db);
    (void)sqlite3_bind_int64(s, 1, BLOCK_HISTORY_MAX);
    (void)sqlite3_bind_int64(s, 2, wall_s);
    return run(s);
}

/* ---- what changed ---- */

struct seen {
    uint64_t name; /* a hash of what tells it from others */
    uint64_t until_ns;
    struct ip base;
    uint32_t prefix;
    struct block_row row;
};

struct block_watch {
    struct hash_secret secret;
    bool looked; /* `before` is what there was */
    uint64_t changes;
    struct seen *before;
    size_t n;
};

struct block_watch *block_watch_new(void)
{
    return calloc(1, sizeof(struct block_watch));
}

void block_watch_free(struct block_watch *w)
{
    if (w == NULL)
        return;
    free(w->before);
    free(w);
}

static uint64_t name_of(const struct block_watch *w, const struct block_row *row)
{
    char text[sizeof row->subject + sizeof row->limit + 32];
    struct buf b = BUF_OVER(text);

    buf_addf(&b, "%lld %s %s", (long long)row->since_s, row->limit, row->subject);
    return hash_bytes(&w->secret, text, b.n);
}

static int by_name(const void *a, const void *b)
{
    uint64_t x = ((const struct seen *)a)->name, y = ((const struct seen *)b)->name;

    return x < y ? -1 : x > y;
}

/* All that stand, by name, up to the bound: *all says whether that is all of them. NULL without memory. */
static struct seen *collect(const struct block_watch *w, const struct blocks *blocks, uint64_t now_ns, int64_t wall_s,
                            size_t *n, bool *all)
{
    struct seen *list = reallocarray(NULL, 16, sizeof *list);
    size_t capacity = 16;
    struct block block;

    *n = 0;
    *all = true;
    for (uint32_t at = 0; list != NULL && blocks_next(blocks, &at, now_ns, &block);) {
        struct seen *x;

        if (*n == BLOCK_HISTORY_MAX) {
            *all = false;
            break;
        }
        if (*n == capacity) {
            struct seen *more = reallocarray(list, capacity *= 2, sizeof *more);

            if (more == NULL) {
                free(list);
                return NULL;
            }
            list = more;
        }
        x = &list[(*n)++];
        *x = (struct seen){.until_ns = block.until_ns, .base = block.base, .prefix = block.prefix};
        block_row_of(&block, now_ns, wall_s, &x->row);
        x->name = name_of(w, &x->row);
    }
    if (list != NULL && *n > 1)
        qsort(list, *n, sizeof *list, by_name);
    return list;
}

static const struct seen *find(const struct seen *list, size_t n, uint64_t name)
{
    const struct seen key = {.name = name};

    return n > 0 ? bsearch(&key, list, n, sizeof *list, by_name) : NULL;
}

/* How it ended before its time: was it taken up by a block of the network around it? */
static void say_end(const struct seen *gone, const struct seen *now, size_t n, int64_t wall_s, struct block_row *out)
{
    *out = gone->row;
    out->ended_s = wall_s;
    out->how = BLOCK_GONE;
    for (size_t i = 0; i < n; i++) {
        const struct network net = {.base = now[i].base, .prefix = (uint8_t)now[i].prefix};

        if (now[i].prefix == 0 || now[i].row.since_s < gone->row.since_s ||
            (gone->prefix != 0 && gone->prefix <= now[i].prefix) || !network_contains(&net, &gone->base))
            continue;
        out->how = BLOCK_MERGED;
        (void)snprintf(out->by, sizeof out->by, "%.63s", now[i].row.subject);
        return;
    }
}

static int write_gone(struct database *f, const struct block_watch *w, const struct seen *now, size_t n,
                      uint64_t now_ns, int64_t wall_s)
{
    struct block_row row;
    int code = SQLITE_OK;

    for (size_t i = 0; i < w->n && code == SQLITE_OK; i++) {
        const struct seen *x = &w->before[i];

        if (x->until_ns <= now_ns || find(now, n, x->name) != NULL)
            continue;
        say_end(x, now, n, wall_s, &row);
        code = put_ended(f, &row);
    }
    return code;
}

/* At the first look: what stood when nobody looked any more. */
static int write_lost(struct database *f, const struct block_watch *w, const struct seen *now, size_t n, int64_t wall_s)
{
    sqlite3_stmt *s = database_statement(f, SQL_BLOCKS_OPEN);
    struct block_row *lost = NULL, *more;
    size_t n_lost = 0;
    int code;

    if (s == NULL)
        return sqlite3_extended_errcode(f->db);
    (void)sqlite3_bind_int64(s, 1, wall_s);
    while (sqlite3_step(s) == SQLITE_ROW) {
        struct block_row row = {.since_s = sqlite3_column_int64(s, 0), .ended_s = wall_s, .how = BLOCK_GONE};
        size_t ignored;

        if (!journal_copy_name(s, 1, row.subject, sizeof row.subject, &ignored) ||
            !journal_copy_name(s, 2, row.limit, sizeof row.limit, &ignored) || find(now, n, name_of(w, &row)) != NULL ||
            (more = reallocarray(lost, n_lost + 1, sizeof *more)) == NULL)
            continue;
        lost = more;
        lost[n_lost++] = row;
    }
    code = sqlite3_reset(s);
    for (size_t i = 0; i < n_lost && code == SQLITE_OK; i++)
        code = put_ended(f, &lost[i]);
    free(lost);
    return code;
}

static int write_changes(struct database *f, const struct block_watch *w, const struct seen *now, size_t n, bool all,
                         uint64_t now_ns, int64_t wall_s)
{
    int code = run_plain(f, SQL_BEGIN);

    for (size_t i = 0; i < n && code == SQLITE_OK; i++) {
        const struct seen *old = find(w->before, w->n, now[i].name);

        if (old == NULL || old->until_ns != now[i].until_ns)
            code = put_seen(f, &now[i].row);
    }
    if (code == SQLITE_OK && all)
        code = w->looked ? write_gone(f, w, now, n, now_ns, wall_s) : write_lost(f, w, now, n, wall_s);
    if (code == SQLITE_OK)
        code = forget(f, wall_s);
    if (code == SQLITE_OK)
        code = run_plain(f, SQL_COMMIT);
    if (code != SQLITE_OK)
        (void)run_plain(f, SQL_ROLLBACK);
    return code;
}

int block_watch_look(struct block_watch *w, struct journal *j, const struct blocks *blocks, uint64_t now_ns,
                     int64_t wall_s, struct error *e)
{
    uint64_t changes = blocks_changes(blocks);
    struct seen *now;
    bool all;
    size_t n;
    int code = SQLITE_OK, result;

    if (w == NULL || (w->looked && changes == w->changes))
        return 0;
    if ((now = collect(w, blocks, now_ns, wall_s, &n, &all)) == NULL)
        return error_set(e, "out of memory");
    journal_lock(j);
    result = journal_ensure(j, e);
    if (result == 0 && (code = write_changes(j->file, w, now, n, all, now_ns, wall_s)) != SQLITE_OK)
        result = journal_failed(j, "write", code, e);
    journal_unlock(j);
    if (result != 0) {
        free(now);
        return result;
    }
    free(w->before);
    w->before = now;
    w->n = n;
    w->changes = changes;
    w->looked = true;
    return 0;
}

/* ---- who lifts one ---- */

int block_lifted_note(const char *journal_folder, const struct block_row *row, struct error *e)
{
    char path[4096];
    struct buf b = BUF_OVER(path);
    struct owner_visit visit;
    struct error notice;
    struct database *f;
    struct stat st;
    int code, result = -1;

    buf_addf(&b, "%s/" JOURNAL_NAME, journal_folder);
    if (owner_enter(path, &visit, e) != 0)
        return -1;
    if (stat(path, &st) != 0 && errno == ENOENT) {
        result = 0;
    } else if (database_open(&journal_kind, journal_folder, true, &f, &notice, e) == 0) {
        code = put_lifted(f, row);
        result = code == SQLITE_OK ? 0 : database_error(f, e, "write", code);
        database_close(f, false);
    }
    owner_leave(&visit);
    return result;
}

/* ---- reading ---- */

static bool copy_text(sqlite3_stmt *s, int column, char *out, size_t cap)
{
    size_t n;

    out[0] = '\0';
    return sqlite3_column_type(s, column) == SQLITE_NULL || journal_copy_name(s, column, out, cap, &n);
}

static bool read_row(sqlite3_stmt *s, struct block_row *row)
{
    *row = (struct block_row){.since_s = sqlite3_column_int64(s, 0),
                              .until_s = sqlite3_column_int64(s, 3),
                              .ended_s = sqlite3_column_int64(s, 5),
                              .how = end_of((const char *)sqlite3_column_text(s, 6))};
    if (row->ended_s == 0) {
        row->ended_s = row->until_s;
        row->how = BLOCK_EXPIRED;
    }
    return copy_text(s, 1, row->subject, sizeof row->subject) && copy_text(s, 2, row->limit, sizeof row->limit) &&
           copy_text(s, 4, row->reason, sizeof row->reason) && copy_text(s, 7, row->by, sizeof row->by) &&
           copy_text(s, 8, row->why, sizeof row->why);
}

static int read_rows(struct journal *j, int64_t since_s, int64_t now_s, struct block_row *list, size_t most, size_t *n,
                     struct error *e)
{
    sqlite3_stmt *s;
    int code;

    if (journal_begin_piece(j, e) != 0 ||
        (s = journal_prepare(j,
                             "SELECT since,subject,limit_name,until,reason,ended,how,ended_by,why FROM blocks WHERE "
                             "coalesce(ended,nullif(until,0))<=?1 AND coalesce(ended,until)>=?2 "
                             "ORDER BY coalesce(ended,until) DESC,since DESC,subject LIMIT ?3",
                             e)) == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, now_s);
    (void)sqlite3_bind_int64(s, 2, since_s);
    (void)sqlite3_bind_int64(s, 3, (int64_t)most);
    while (*n < most && sqlite3_step(s) == SQLITE_ROW)
        *n += read_row(s, &list[*n]);
    code = sqlite3_finalize(s);
    return code == SQLITE_OK ? 0 : journal_failed(j, "read", code, e);
}

int journal_ended_blocks(struct journal *j, int64_t since_s, int64_t now_s, size_t most,
                         bool (*each)(void *arg, const struct block_row *row), void *arg, struct error *e)
{
    struct block_row *list;
    size_t n = 0;
    int result;

    most = most < BLOCK_HISTORY_MAX ? most : BLOCK_HISTORY_MAX;
    if (most == 0)
        return 0;
    if ((list = calloc(most, sizeof *list)) == NULL)
        return error_set(e, "out of memory");
    journal_lock(j);
    result = read_rows(j, since_s, now_s, list, most, &n, e);
    journal_unlock(j);
    for (size_t i = 0; result == 0 && i < n; i++)
        if (!each(arg, &list[i]))
            break;
    free(list);
    return result;
}
