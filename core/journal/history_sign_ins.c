#include "core/journal/sign_ins.h"

#include "core/base/buf.h"
#include "core/journal/history_parts.h"

static int64_t read_time(sqlite3_stmt *s, int column)
{
    return (int64_t)database_column_number(s, column);
}

int sign_in_progress_of(struct history *h, struct slice tenant, enum sign_in_outcome outcome,
                        struct sign_in_progress *out, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_SIGN_IN_PROGRESS, e);
    int code;

    *out = (struct sign_in_progress){.since_s = 0};
    if (s == NULL)
        return -1;
    history_begin_reading(h);
    history_bind_text(s, 1, tenant);
    (void)sqlite3_bind_int(s, 2, (int)outcome);
    if (sqlite3_step(s) == SQLITE_ROW)
        *out = (struct sign_in_progress){read_time(s, 0), read_time(s, 1), read_time(s, 2)};
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : history_failed(h, "read", code, e);
}

int sign_in_is_new(struct history *h, struct slice tenant, enum sign_in_outcome outcome, int64_t at_s, struct slice id,
                   struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_ADD_SIGN_IN, e);

    if (s == NULL)
        return -1;
    history_bind_text(s, 1, tenant);
    (void)sqlite3_bind_int(s, 2, (int)outcome);
    (void)sqlite3_bind_int64(s, 3, at_s);
    history_bind_text(s, 4, id);
    return history_run(h, s, "write", e) != 0 ? -1 : sqlite3_changes(h->file->db) > 0;
}

int sign_in_progress_set(struct history *h, struct slice tenant, enum sign_in_outcome outcome,
                         const struct sign_in_progress *progress, int64_t forget_s, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_SET_SIGN_IN_PROGRESS, e);

    if (s == NULL)
        return -1;
    history_bind_text(s, 1, tenant);
    (void)sqlite3_bind_int(s, 2, (int)outcome);
    (void)sqlite3_bind_int64(s, 3, progress->since_s);
    (void)sqlite3_bind_int64(s, 4, progress->until_s);
    (void)sqlite3_bind_int64(s, 5, progress->late_s);
    if (history_run(h, s, "write", e) != 0 || (s = history_statement(h, HISTORY_FORGET_SIGN_INS, e)) == NULL)
        return -1;
    history_bind_text(s, 1, tenant);
    (void)sqlite3_bind_int(s, 2, (int)outcome);
    (void)sqlite3_bind_int64(s, 3, forget_s);
    return history_run(h, s, "write", e);
}

int sign_in_state_of(struct history *h, struct slice tenant, struct sign_in_state *out, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_SIGN_IN_STATE, e);
    struct buf b = BUF_OVER(out->trouble);
    int code;

    *out = (struct sign_in_state){.read_s = 0};
    if (s == NULL)
        return -1;
    history_begin_reading(h);
    history_bind_text(s, 1, tenant);
    if (sqlite3_step(s) == SQLITE_ROW) {
        out->read_s = read_time(s, 0);
        out->trouble_s = read_time(s, 1);
        buf_add(&b, history_column_text(s, 2));
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : history_failed(h, "read", code, e);
}

int sign_in_state_set(struct history *h, struct slice tenant, int64_t now_s, bool read, struct slice trouble,
                      struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_SET_SIGN_IN_STATE, e);

    if (s == NULL)
        return -1;
    history_bind_text(s, 1, tenant);
    (void)sqlite3_bind_int64(s, 2, read ? now_s : 0);
    (void)sqlite3_bind_int64(s, 3, now_s);
    history_bind_text(s, 4, trouble);
    return history_run(h, s, "write", e);
}
