/* How far back use in the cloud is known: the ranges of sign-ins and of reports together. */
#include "core/journal/cloud_use.h"
#include "core/journal/history_parts.h"
#include "core/journal/sign_ins.h"

#define REPORTS_MAX 2000 /* looked at: more than one a day of those that are kept */

/* Ranges come sorted, the latest end first, so that one pass is enough. A range that ends before *from leaves a gap. */
static void add_range(int64_t *known_s, int64_t *from, int64_t since, int64_t until)
{
    if (until < *from || since >= *from)
        return;
    *from = since;
    *known_s = since;
}

/* Sign-ins reach further back where reports fill what is between, and the other way round. */
static void add_sign_ins(struct cloud_reach *reach, int64_t *from, const struct sign_in_progress *p)
{
    if (p->since_s > 0 && p->since_s < p->until_s)
        add_range(&reach->since_s, from, p->since_s, p->until_s);
}

static int add_reports(struct history *h, struct slice tenant, int64_t now_s, const struct sign_in_progress *p,
                       int64_t *from, struct cloud_reach *reach, struct error *e)
{
    sqlite3_stmt *s = history_statement(h, HISTORY_REPORTS_OF, e);
    int64_t tokens_from = now_s - CLOUD_LATE_S;
    int code;

    if (s == NULL)
        return -1;
    history_bind_text(s, 1, tenant);
    (void)sqlite3_bind_int64(s, 2, REPORTS_MAX);
    while (sqlite3_step(s) == SQLITE_ROW) {
        int64_t first = sqlite3_column_int64(s, 0), last = sqlite3_column_int64(s, 1);

        if (last > reach->report_s)
            reach->report_s = last;
        add_range(&reach->since_s, from, first, last);
        add_range(&reach->tokens_s, &tokens_from, first, last);
        add_sign_ins(reach, from, p);
    }
    code = sqlite3_reset(s);
    return code == SQLITE_OK ? 0 : history_failed(h, "read", code, e);
}

int cloud_reach_of(struct history *h, struct slice tenant, int64_t now_s, struct cloud_reach *out, struct error *e)
{
    struct sign_in_progress p;
    int64_t from = now_s - CLOUD_LATE_S;

    *out = (struct cloud_reach){.since_s = 0};
    if (sign_in_progress_of(h, tenant, SIGN_IN_SUCCESS, &p, e) != 0)
        return -1;
    out->sign_ins_s = p.until_s;
    add_sign_ins(out, &from, &p);
    return add_reports(h, tenant, now_s, &p, &from, out, e);
}
