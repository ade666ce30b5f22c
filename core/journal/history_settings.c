#include "core/journal/setting_changes.h"

#include "core/journal/history_parts.h"

#include <string.h>

#define DAY_S INT64_C(86400)

static struct slice cut(struct slice text)
{
    return text.n <= SETTING_TEXT_MAX ? text : (struct slice){text.p, SETTING_TEXT_MAX};
}

/* ---- writing ---- */

/* A statement with one number. */
static int run_with(struct history *h, enum history_sql which, int64_t number, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, which, e);

    if (s == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, number);
    return history_run(h, s, "write", e);
}

static int run_plain(struct history *h, enum history_sql which, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, which, e);

    return s != NULL ? history_run(h, s, "write", e) : -1;
}

/* Runs that were published since, and those that never will be. */
static int settle(struct history *h, uint64_t now, struct error *e)
{
    return run_with(h, HISTORY_SETTLE_SETTING_RUNS, (int64_t)now, e) != 0 ||
                   run_plain(h, HISTORY_FORGET_UNPUBLISHED_CHANGES, e) != 0 ||
                   run_plain(h, HISTORY_FORGET_UNPUBLISHED_RUNS, e) != 0
               ? -1
               : 0;
}

static int add_run(struct history *h, const struct setting_run *run, uint64_t next, int64_t *id, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_ADD_SETTING_RUN, e);

    if (s == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, run->seen_s);
    history_bind_text(s, 2, cut(run->tenant));
    history_bind_text(s, 3, cut(run->how));
    history_bind_text(s, 4, cut(run->by));
    (void)sqlite3_bind_int64(s, 5, (int64_t)next);
    if (history_run(h, s, "write", e) != 0)
        return -1;
    *id = sqlite3_last_insert_rowid(h->file->db);
    return 0;
}

int setting_run_begin(struct history *h, const struct setting_run *run, uint64_t now, uint64_t next, int64_t *id,
                      struct error *e)
{
    if (history_begin(h, e) != 0)
        return -1;
    if (settle(h, now, e) == 0 && add_run(h, run, next, id, e) == 0 && history_commit(h, e) == 0)
        return 0;
    history_rollback(h);
    return -1;
}

int setting_change_add(struct history *h, int64_t run, uint64_t number, const struct setting_change *change,
                       struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_ADD_SETTING_CHANGE, e);

    if (s == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, run);
    (void)sqlite3_bind_int64(s, 2, (int64_t)number);
    history_bind_text(s, 3, cut(change->mailbox));
    (void)sqlite3_bind_blob(s, 4, change->id, sizeof change->id, SQLITE_STATIC);
    history_bind_text(s, 5, cut(change->setting));
    history_bind_text(s, 6, cut(change->before));
    history_bind_text(s, 7, cut(change->after));
    history_bind_text(s, 8, cut(change->source));
    return history_run(h, s, "write", e);
}

static int count_changes(struct history *h, int64_t *n, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_COUNT_SETTING_CHANGES, e);
    int code;

    if (s == NULL)
        return -1;
    *n = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : history_failed(h, "read", code, e);
}

static int forget_old(struct history *h, int64_t now_s, struct error *e)
{
    int64_t n;

    if (run_with(h, HISTORY_FORGET_SETTING_CHANGES, now_s - SETTING_CHANGES_DAYS * DAY_S, e) != 0 ||
        count_changes(h, &n, e) != 0)
        return -1;
    if (n > SETTING_CHANGES_MAX &&
        run_with(h, HISTORY_FORGET_MOST_SETTING_CHANGES, n - (int64_t)SETTING_CHANGES_MAX, e) != 0)
        return -1;
    return run_plain(h, HISTORY_FORGET_EMPTY_SETTING_RUNS, e);
}

int setting_run_end(struct history *h, int64_t run, bool published, int64_t now_s, struct error *e)
{
    if (history_begin(h, e) != 0)
        return -1;
    if (run_with(h, published ? HISTORY_PUBLISH_SETTING_RUN : HISTORY_DROP_SETTING_RUN, run, e) == 0 &&
        forget_old(h, now_s, e) == 0 && history_commit(h, e) == 0)
        return 0;
    history_rollback(h);
    return -1;
}

/* ---- reading ---- */

static void read_change(sqlite3_stmt *s, struct setting_run *run, struct setting_change *change)
{
    const void *id = sqlite3_column_blob(s, 5);

    *run = (struct setting_run){.seen_s = sqlite3_column_int64(s, 0),
                                .tenant = history_column_text(s, 1),
                                .how = history_column_text(s, 2),
                                .by = history_column_text(s, 3)};
    *change = (struct setting_change){.mailbox = history_column_text(s, 4),
                                      .setting = history_column_text(s, 6),
                                      .before = history_column_text(s, 7),
                                      .after = history_column_text(s, 8),
                                      .source = history_column_text(s, 9)};
    if (id != NULL && sqlite3_column_bytes(s, 5) == (int)sizeof change->id)
        memcpy(change->id, id, sizeof change->id);
}

int setting_changes(struct history *h, const struct setting_query *query,
                    bool (*each)(void *arg, const struct setting_run *run, const struct setting_change *change),
                    void *arg, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_SETTING_CHANGES, e);
    struct setting_change change;
    struct setting_run run;
    int code;

    if (s == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, (int64_t)query->generation);
    (void)sqlite3_bind_int64(s, 2, query->since_s);
    for (;;) {
        history_begin_reading(h); /* whoever prints may take his time between two rows */
        if (sqlite3_step(s) != SQLITE_ROW)
            break;
        read_change(s, &run, &change);
        if (!each(arg, &run, &change))
            break;
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : history_failed(h, "read", code, e);
}
