#include "core/journal/mirror_runs.h"

#include "core/journal/history_parts.h"

#define TEXT_MAX 320u /* bytes of another text; what is longer is cut */

/* In the file, too: a row may be added, but none be changed. */
static const char *const words[MIRROR_RESULTS] = {
    [MIRROR_OK] = "ok", [MIRROR_UNCHANGED] = "unchanged", [MIRROR_REFUSED] = "refused", [MIRROR_FAILED] = "failed"};

const char *mirror_result_word(enum mirror_result result)
{
    return words[result];
}

/* What the file says may be anything; another word than ours counts as a failure. */
static enum mirror_result result_of(struct slice word)
{
    for (unsigned i = 0; i < MIRROR_RESULTS; i++)
        if (slice_eq(word, slice_of(words[i])))
            return (enum mirror_result)i;
    return MIRROR_FAILED;
}

static struct slice cut(struct slice text, size_t most)
{
    return text.n <= most ? text : (struct slice){text.p, most};
}

/* ---- writing ---- */

static int add_row(struct history *h, const struct mirror_run *run, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_ADD_MIRROR_RUN, e);

    if (s == NULL)
        return -1;
    history_bind_text(s, 1, cut(run->tenant, TEXT_MAX));
    history_bind_text(s, 2, cut(run->how, TEXT_MAX));
    (void)sqlite3_bind_int64(s, 3, run->began_s);
    (void)sqlite3_bind_int64(s, 4, run->ended_s);
    history_bind_text(s, 5, slice_of(words[run->result]));
    (void)sqlite3_bind_int64(s, 6, (int64_t)run->changes);
    history_bind_text(s, 7, cut(run->trouble, MIRROR_TROUBLE_MAX));
    return history_run(h, s, "write", e);
}

static int set_result(struct history *h, const struct mirror_run *run, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_SET_MIRROR_RESULT, e);

    if (s == NULL)
        return -1;
    history_bind_text(s, 1, cut(run->tenant, TEXT_MAX));
    history_bind_text(s, 2, slice_of(words[run->result]));
    (void)sqlite3_bind_int64(s, 3, run->ended_s);
    return history_run(h, s, "write", e);
}

static int forget_old(struct history *h, const struct mirror_run *run, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_FORGET_MIRROR_RUNS, e);

    if (s == NULL)
        return -1;
    history_bind_text(s, 1, cut(run->tenant, TEXT_MAX));
    (void)sqlite3_bind_int64(s, 2, MIRROR_RUNS_KEPT);
    return history_run(h, s, "write", e);
}

int mirror_run_add(struct history *h, const struct mirror_run *run, struct error *e)
{
    if (history_begin(h, e) != 0)
        return -1;
    if (add_row(h, run, e) == 0 && set_result(h, run, e) == 0 && forget_old(h, run, e) == 0 &&
        history_commit(h, e) == 0)
        return 0;
    history_rollback(h);
    return -1;
}

/* ---- reading ---- */

static int reading_ended(struct history *h, sqlite3_stmt *s, struct error *e)
{
    int code = sqlite3_reset(s);

    return code == SQLITE_OK ? 0 : history_failed(h, "read", code, e);
}

int mirror_runs(struct history *h, int64_t since_s, size_t most, bool (*each)(void *arg, const struct mirror_run *run),
                void *arg, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_MIRROR_RUNS, e);
    struct mirror_run run;

    if (s == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, since_s);
    (void)sqlite3_bind_int64(s, 2, most < INT32_MAX ? (int64_t)most : INT32_MAX);
    for (;;) {
        history_begin_reading(h); /* whoever prints may take his time between two rows */
        if (sqlite3_step(s) != SQLITE_ROW)
            break;
        run = (struct mirror_run){.tenant = history_column_text(s, 0),
                                  .how = history_column_text(s, 1),
                                  .began_s = sqlite3_column_int64(s, 2),
                                  .ended_s = sqlite3_column_int64(s, 3),
                                  .result = result_of(history_column_text(s, 4)),
                                  .changes = (uint64_t)sqlite3_column_int64(s, 5),
                                  .trouble = history_column_text(s, 6)};
        if (!each(arg, &run))
            break;
    }
    return reading_ended(h, s, e);
}

int mirror_results(struct history *h,
                   bool (*each)(void *arg, struct slice tenant, enum mirror_result result, int64_t ended_s), void *arg,
                   struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_MIRROR_RESULTS, e);

    if (s == NULL)
        return -1;
    history_begin_reading(h);
    while (sqlite3_step(s) == SQLITE_ROW)
        if (!each(arg, history_column_text(s, 0), result_of(history_column_text(s, 1)), sqlite3_column_int64(s, 2)))
            break;
    return reading_ended(h, s, e);
}
