/*
 * What is seen first: how all is, how much goes on, what is only watched, what changed since yesterday. For who sees
 * only counts, without what names somebody; for who sees some tenants, or asks for one, of these alone.
 */
#include "core/base/clock.h"
#include "core/report/decisions.h"
#include "core/report/new_networks.h"
#include "core/report/settings_log.h"
#include "core/report/status.h"
#include "web/live.h"
#include "web/look.h"
#include "web/page.h"
#include "web/rates.h"

#include <stdlib.h>

#define DAY_S 86400
#define CHANGES_MOST 20
#define DECISIONS_MOST 12

/* Who sees only counts sees those of all tenants. */
static struct slice tenants_of(const struct page *page)
{
    return page_counts_only(page) ? SLICE(SCOPE_ALL) : page->scope;
}

static bool is_of_all(const struct page *page)
{
    return scope_is_all(tenants_of(page));
}

int page_rates(struct page *page)
{
    page->out->open(page->out, NULL, TREE_OBJECT);
    live_report(page->live, page->out);
    page->out->close(page->out);
    return PAGE_OK;
}

/* ---- what is not enforced ---- */

static void put_if(struct printer *out, bool applies, const char *kind, const char *name)
{
    if (applies)
        out->row(out, (const struct value[]){value_word(kind), value_word(name)});
}

/* What refuses nothing, though it would: everything, or these tenants, limits and connectors. */
static void put_monitored(const struct config *c, struct slice tenants, struct printer *out)
{
    static const struct column columns[] = {{"kind", VALUE_TEXT}, {"name", VALUE_TEXT}};

    out->value(out, "monitor", value_truth(c->mode == MODE_MONITOR));
    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "monitored"});
    for (size_t i = 0; i < c->n_tenants; i++)
        put_if(out, c->tenants[i].mode == MODE_MONITOR && scope_has(tenants, slice_of(c->tenants[i].name)), "tenant",
               c->tenants[i].name);
    for (size_t i = 0; i < c->n_connectors; i++)
        put_if(out, c->connectors[i].mode == MODE_MONITOR && scope_has(tenants, slice_of(c->connectors[i].tenant)),
               "connector", c->connectors[i].name);
    for (size_t i = 0; i < c->n_limits; i++)
        put_if(out, c->limits[i].then == THEN_MONITOR, "limit", c->limits[i].name);
    out->end(out);
}

/* What the bands on top say, and which tenants there are to choose from. */
int page_mode(struct page *page)
{
    const struct report_files *f;
    struct picture *p = look_begin(page->look, &f, &page->e);
    struct printer *out = page->out;

    if (p == NULL)
        return PAGE_NO_FILE;
    out->open(out, NULL, TREE_OBJECT);
    put_monitored(f->config, tenants_of(page), out);
    out->value(out, "config_problem",
               page->scope.n > 0 && is_of_all(page) ? value_word_or_none(p->config_problem) : value_none());
    status_learning(p, f, tenants_of(page), out);
    out->close(out);
    look_end(page->look);
    return PAGE_OK;
}

/* ---- what is new ---- */

/* Of settings, in the last day. */
static void put_changes(struct page *page)
{
    struct settings_wanted wanted = {.since_s = clock_wall_s() - DAY_S,
                                     .most = CHANGES_MOST,
                                     .newest_first = true,
                                     .name = "changes",
                                     .scope = page->scope};
    struct error e;
    size_t n;

    if (files_open_history(page->files, &e) == 0 && page->files->history != NULL &&
        settings_log_report(page->files, &wanted, page->out, &n, &e) == 0)
        return;
    page->out->value(page->out, "changes", value_none());
}

static void put_decisions(struct page *page)
{
    struct decisions_wanted wanted = {
        .most = DECISIONS_MOST, .newest_first = true, .name = "decisions", .scope = page->scope};
    struct error e;
    size_t n;

    if (files_open_journal(page->files, &e) == 0 && decisions_report(page->files, &wanted, page->out, &n, &e) == 0)
        return;
    page->out->value(page->out, "decisions", value_none());
}

int page_networks(struct page *page)
{
    struct new_networks_wanted wanted = {.since_s = clock_wall_s() - DAY_S, .scope = page->scope};
    struct decide_context c;
    int status = page_open_context(page, &c), rc;

    if (status != PAGE_OK)
        return status;
    if (files_open_journal(page->files, &page->e) != 0)
        return PAGE_NO_FILE;
    page->out->table(page->out, &(struct table){TABLE_COLUMNS(new_networks_columns)});
    rc = new_networks_report(&c, page->files->journal, &wanted, page->out, &page->e);
    page->out->end(page->out);
    return rc == 0 ? PAGE_OK : PAGE_NO_FILE;
}

/* ---- the overview ---- */

static int overview_of_all(struct page *page)
{
    const struct report_files *f;
    struct picture *p = look_begin(page->look, &f, &page->e);
    struct printer *out = page->out;

    if (p == NULL)
        return PAGE_NO_FILE;
    if (!page_counts_only(page))
        picture_tell_problems(p, out);
    put_monitored(f->config, SLICE(SCOPE_ALL), out);
    out->open(out, "rates", TREE_OBJECT);
    live_report(page->live, out);
    out->close(out);
    out->open(out, "status", TREE_OBJECT);
    if (page_counts_only(page))
        status_counts(p, f, out);
    else
        status_members(p, f, out);
    out->close(out);
    look_end(page->look);
    return PAGE_OK;
}

static void count_record(void *arg, const struct journal_record *r)
{
    rates_count(arg, r);
}

static int overview_of_tenants(struct page *page)
{
    struct rates *rates = calloc(1, sizeof *rates);
    struct printer *out = page->out;
    struct picture *p = NULL;

    if (rates == NULL)
        (void)error_set(&page->e, "out of memory");
    else {
        rates_clear(rates, clock_wall_s());
        p = picture_take_tenants(page->files, page->scope, count_record, rates, &page->e);
    }
    if (p != NULL) {
        picture_tell_problems(p, out);
        put_monitored(page->files->config, page->scope, out);
        out->open(out, "rates", TREE_OBJECT);
        rates_report(rates, out);
        out->close(out);
        out->open(out, "status", TREE_OBJECT);
        status_of_tenants(p, page->files, page->scope, out);
        out->close(out);
        picture_free(p);
    }
    free(rates);
    return p != NULL ? PAGE_OK : PAGE_NO_FILE;
}

int page_overview(struct page *page)
{
    int status;

    page->out->open(page->out, NULL, TREE_OBJECT);
    status = is_of_all(page) ? overview_of_all(page) : overview_of_tenants(page);
    if (status == PAGE_OK && !page_counts_only(page)) {
        put_changes(page);
        put_decisions(page);
    }
    page->out->close(page->out);
    return status;
}

/* As "postern status". */
int page_status(struct page *page)
{
    const struct report_files *f;
    struct picture *p;

    if (!is_of_all(page)) {
        page->out->open(page->out, NULL, TREE_OBJECT);
        if ((p = picture_take_tenants(page->files, page->scope, NULL, NULL, &page->e)) != NULL) {
            picture_tell_problems(p, page->out);
            status_of_tenants(p, page->files, page->scope, page->out);
            picture_free(p);
        }
        page->out->close(page->out);
        return p != NULL ? PAGE_OK : PAGE_NO_FILE;
    }
    if ((p = look_begin(page->look, &f, &page->e)) == NULL)
        return PAGE_NO_FILE;
    picture_tell_problems(p, page->out);
    status_report(p, f, page->out);
    look_end(page->look);
    return PAGE_OK;
}
