/* What the command line has too: blocks, the cluster, reports, configuration, decisions, changes. */
#include "core/base/clock.h"
#include "core/report/blocks_report.h"
#include "core/report/cluster_report.h"
#include "core/report/config_report.h"
#include "core/report/decisions.h"
#include "core/report/ended_blocks.h"
#include "core/report/report.h"
#include "core/report/runs_report.h"
#include "core/report/settings_log.h"
#include "core/report/text.h"
#include "core/report/would_refuse.h"
#include "web/page.h"

#include <stdlib.h>

#define WOULD_REFUSE_S (7 * 86400)
/* Rows that are looked for at most: those before the ones that are shown are thrown away. */
#define LOG_ROWS_MAX 5000u

/* "rows" and "after" are the table's (web/rows.h), where what comes before is thrown away: so many must be looked for.
 */
static int rows_needed(struct page *page, size_t *most)
{
    unsigned long long n = page->window.skip + page->window.most + 1;

    if (n > LOG_ROWS_MAX) {
        (void)error_set(&page->e, "after: at most %u rows are gone through; narrow it by \"since\" or \"user\"",
                        LOG_ROWS_MAX);
        return PAGE_BAD;
    }
    *most = (size_t)n;
    return PAGE_OK;
}

/* The time "since", where it came; *since_s is what holds otherwise. */
static int take_since(struct page *page, int64_t *since_s)
{
    const char *since = asked_value(page->asked, "since");
    struct error e;

    if (since == NULL || text_read_since(since, clock_wall_s(), since_s, &e) == 0)
        return PAGE_OK;
    (void)error_set(&page->e, "since: %s", e.text);
    return PAGE_BAD;
}

/* No rows, and why. */
static void nothing_yet(struct page *page, const char *why)
{
    page->out->table(page->out, &(struct table){.n = 0});
    page->out->end(page->out);
    page->out->remark(page->out, REMARK_NOTE, why);
}

int page_blocks(struct page *page)
{
    struct decide_context c;
    int status = page_open_context(page, &c);

    if (status != PAGE_OK)
        return status;
    return blocks_report(&c, page->files, page->out, &page->e) == 0 ? PAGE_OK : PAGE_NO_FILE;
}

int page_ended_blocks(struct page *page)
{
    struct decide_context c;
    int64_t since_s = 0;
    size_t most;
    int status;

    if (rows_needed(page, &most) != PAGE_OK)
        return PAGE_BAD;
    if (!scope_is_all(page->scope))
        most = LOG_ROWS_MAX; /* those of other tenants are left out afterwards */
    if (take_since(page, &since_s) != PAGE_OK)
        return PAGE_BAD;
    if ((status = page_open_context(page, &c)) != PAGE_OK)
        return status;
    if (files_open_journal(page->files, &page->e) != 0)
        return PAGE_NO_FILE;
    return ended_blocks_report(&c, page->files, since_s, most, page->out, &page->e) == 0 ? PAGE_OK : PAGE_NO_FILE;
}

int page_config(struct page *page)
{
    struct error e;

    if (page->files->config->n_logins_from > 0)
        (void)files_open_directory(page->files, &e); /* only to compare names with */
    config_report(page->files->config, page->files->view, page->out);
    return PAGE_OK;
}

/* As "postern status --cluster"; without a cluster no rows, and a note that says so. */
int page_cluster(struct page *page)
{
    if (!page->files->config->cluster.configured) {
        nothing_yet(page, "there is no group \"cluster\" in the configuration: this relay counts for itself");
        return PAGE_OK;
    }
    return cluster_report(page->files->config, clock_wall_s(), page->out, &page->e) >= 0 ? PAGE_OK : PAGE_NO_FILE;
}

/* ---- reports ---- */

int page_reports(struct page *page)
{
    static const struct column columns[] = {{"name", VALUE_TEXT}, {"summary", VALUE_TEXT}, {"script", VALUE_TRUTH}};
    struct printer *out = page->out;

    out->table(out, &(struct table){TABLE_COLUMNS(columns)});
    for (const struct report_kind *kind = report_kinds; kind->name != NULL; kind++)
        out->row(out, (const struct value[]){value_word(kind->name), value_word(kind->summary),
                                             value_truth(kind->script != NULL)});
    out->row(out, (const struct value[]){value_word("would-refuse"), value_word("what monitor mode would have refused"),
                                         value_truth(false)});
    out->end(out);
    return PAGE_OK;
}

static int would_refuse(struct page *page)
{
    int64_t since_s = clock_wall_s() - WOULD_REFUSE_S;

    if (page->script) {
        (void)error_set(&page->e, "format: there is no script of this report");
        return PAGE_BAD;
    }
    if (take_since(page, &since_s) != PAGE_OK)
        return PAGE_BAD;
    if (files_open_journal(page->files, &page->e) != 0)
        return PAGE_NO_FILE;
    return would_refuse_report(page->files->journal, since_s, page->out, &page->e) == 0 ? PAGE_OK : PAGE_NO_FILE;
}

int page_report(struct page *page)
{
    struct report r = {.files = page->files, .out = page->out, .e = &page->e};
    const struct report_kind *kind = report_kinds;
    unsigned long long days;
    const char *force;
    struct error e;
    int status;

    if (slice_eq(page->asked->rest, SLICE("would-refuse")))
        return would_refuse(page);
    while (kind->name != NULL && !slice_eq(page->asked->rest, slice_of(kind->name)))
        kind++;
    if (kind->name == NULL) {
        (void)error_set(&page->e, "there is no report of that name: /api/v1/reports has them");
        return PAGE_NOT_FOUND;
    }
    if (asked_number(page->asked, "days", USAGE_DAYS, 0, &days, &page->e) != 0)
        return PAGE_BAD;
    r.days = days;
    r.script = page->script;
    force = asked_value(page->asked, "force");
    r.force = force != NULL && strcmp(force, "yes") == 0;
    if (r.script && kind->script == NULL) {
        (void)error_set(&page->e, "format: there is no script of this report");
        return PAGE_BAD;
    }
    if ((status = page_open_context(page, &r.context)) != PAGE_OK)
        return status;
    page_try_journal(page);
    if (files_open_history(page->files, &e) != 0)
        page->out->remark(page->out, REMARK_WARNING, e.text);
    return report_run(&r, kind) == 0 ? PAGE_OK : PAGE_NO_FILE;
}

/* ---- decisions, and changes of settings ---- */

/* The name, of a mailbox that may be seen: directory and journal are open. PAGE_OK, or another status with page->e. */
static int find_user(struct page *page, const char **user, struct known *named)
{
    if (*user == NULL)
        return PAGE_OK;
    known_look(page->files, page->scope, slice_of(*user), false, named);
    if (named->several[0] != '\0') {
        (void)error_set(&page->e, "user is %s: which one? Give an address", named->several);
        return PAGE_BAD;
    }
    if (named->named != MAILBOX_NAME_NONE)
        *user = named->mailbox;
    return PAGE_OK;
}

/* Verdicts add up; of all others what comes twice is left, and told (asked_check). */
static int take_wanted(struct page *page, struct decisions_wanted *wanted, const char *name, int64_t now_s)
{
    bool adds_up = strcmp(name, "verdict") == 0;
    const char *value = asked_value(page->asked, name);

    for (; value != NULL; value = adds_up ? asked_value(page->asked, name) : NULL)
        if (decisions_want(wanted, name, value, now_s, &page->e) != 0)
            return PAGE_BAD;
    return PAGE_OK;
}

int page_log(struct page *page)
{
    static const char *const names[] = {"user", "client", "verdict", "reason", "limit", "stage", "since"};
    struct decisions_wanted wanted = {.newest_first = true, .scope = page->scope};
    struct known *named = calloc(1, sizeof *named);
    int64_t now_s = clock_wall_s();
    int status = PAGE_OK;
    size_t n;

    if (named == NULL)
        return PAGE_NO_FILE;
    for (size_t i = 0; i < sizeof names / sizeof *names && status == PAGE_OK; i++)
        status = take_wanted(page, &wanted, names[i], now_s);
    if (status == PAGE_OK)
        status = rows_needed(page, &wanted.most);
    if (status == PAGE_OK && files_open_journal(page->files, &page->e) != 0)
        status = PAGE_NO_FILE;
    if (status == PAGE_OK)
        status = find_user(page, &wanted.user, named);
    wanted.named = named;
    if (status == PAGE_OK && decisions_report(page->files, &wanted, page->out, &n, &page->e) != 0)
        status = PAGE_NO_FILE;
    free(named);
    return status;
}

int page_runs(struct page *page)
{
    struct runs_wanted wanted = {.scope = scope_is_all(page->scope) ? SLICE("") : page->scope};

    if (rows_needed(page, &wanted.most) != PAGE_OK)
        return PAGE_BAD;
    if (take_since(page, &wanted.since_s) != PAGE_OK)
        return PAGE_BAD;
    if (files_open_history(page->files, &page->e) != 0)
        return PAGE_NO_FILE;
    if (page->files->history == NULL)
        nothing_yet(page, "there is no history yet; postern-mirror makes it");
    else if (runs_report(page->files, &wanted, page->out, &page->e) != 0)
        return PAGE_NO_FILE;
    return PAGE_OK;
}

int page_changes(struct page *page)
{
    struct settings_wanted wanted = {
        .newest_first = true, .user = asked_value(page->asked, "user"), .scope = page->scope};
    struct known *named = calloc(1, sizeof *named);
    int status = rows_needed(page, &wanted.most);
    size_t n;

    if (named == NULL)
        return PAGE_NO_FILE;
    if (status == PAGE_OK)
        status = take_since(page, &wanted.since_s);
    if (status == PAGE_OK &&
        (files_open_directory(page->files, &page->e) != 0 || files_open_history(page->files, &page->e) != 0))
        status = PAGE_NO_FILE;
    if (status == PAGE_OK)
        status = find_user(page, &wanted.user, named);
    wanted.named = named;
    if (status == PAGE_OK && page->files->history == NULL)
        nothing_yet(page, "there is no history yet; postern-mirror makes it when a setting changes");
    else if (status == PAGE_OK && settings_log_report(page->files, &wanted, page->out, &n, &page->e) != 0)
        status = PAGE_NO_FILE;
    free(named);
    return status;
}
