/* The reports that were imported, by the days that they are about. */
#include "core/journal/cloud_use.h"
#include "core/journal/history_parts.h"

int cloud_report_begin(struct history *h, struct slice tenant, int64_t first_s, int64_t last_s, int64_t now_s,
                       struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_TAKE_REPORT_BACK, e);

    if (s == NULL)
        return -1;
    history_bind_text(s, 1, tenant);
    (void)sqlite3_bind_int64(s, 2, first_s);
    (void)sqlite3_bind_int64(s, 3, last_s);
    if (history_run(h, s, "write", e) != 0 || (s = history_statement(h, HISTORY_ADD_REPORT, e)) == NULL)
        return -1;
    history_bind_text(s, 1, tenant);
    (void)sqlite3_bind_int64(s, 2, first_s);
    (void)sqlite3_bind_int64(s, 3, last_s);
    (void)sqlite3_bind_int64(s, 4, now_s);
    if (history_run(h, s, "write", e) != 0 || (s = history_statement(h, HISTORY_FORGET_REPORTS, e)) == NULL)
        return -1;
    (void)sqlite3_bind_int64(s, 1, now_s - USAGE_DAYS * INT64_C(86400));
    return history_run(h, s, "write", e);
}
