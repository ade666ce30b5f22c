/*
 * What is seen first: how all is, how much goes on, what is only watched, what changed since yesterday. For who sees
 * only counts, without what names somebody.
 */
#include "core/base/clock.h"
#include "core/report/settings_log.h"
#include "core/report/status.h"
#include "web/live.h"
#include "web/look.h"
#include "web/page.h"

#define CHANGES_S 86400
#define CHANGES_MOST 20

int page_rates(struct page *page)
{
    page->out->open(page->out, NULL, TREE_OBJECT);
    live_report(page->live, page->out);
    page->out->close(page->out);
    return PAGE_OK;
}

/* What refuses nothing, though it would: everything, or these tenants, limits and connectors. */
static void put_monitored(const struct config *c, struct printer *out)
{
    static const struct column columns[] = {{"kind", VALUE_TEXT}, {"name", VALUE_TEXT}};

    out->value(out, "monitor", value_truth(c->mode == MODE_MONITOR));
    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "monitored"});
    for (size_t i = 0; i < c->n_tenants; i++)
        if (c->tenants[i].mode == MODE_MONITOR)
            out->row(out, (const struct value[]){value_word("tenant"), value_word(c->tenants[i].name)});
    for (size_t i = 0; i < c->n_connectors; i++)
        if (c->connectors[i].mode == MODE_MONITOR)
            out->row(out, (const struct value[]){value_word("connector"), value_word(c->connectors[i].name)});
    for (size_t i = 0; i < c->n_limits; i++)
        if (c->limits[i].then == THEN_MONITOR)
            out->row(out, (const struct value[]){value_word("limit"), value_word(c->limits[i].name)});
    out->end(out);
}

/* Of settings, in the last day. */
static void put_changes(struct page *page)
{
    struct settings_wanted wanted = {
        .since_s = clock_wall_s() - CHANGES_S, .most = CHANGES_MOST, .newest_first = true, .name = "changes"};
    struct error e;
    size_t n;

    if (files_open_history(page->files, &e) == 0 && page->files->history != NULL &&
        settings_log_report(page->files, &wanted, page->out, &n, &e) == 0)
        return;
    page->out->value(page->out, "changes", value_none());
}

int page_overview(struct page *page)
{
    struct picture *p = look_picture(page->shelf, page->files, &page->e);
    struct printer *out = page->out;

    if (p == NULL)
        return PAGE_NO_FILE;
    if (!page_counts_only(page))
        picture_tell_problems(p, out);
    out->open(out, NULL, TREE_OBJECT);
    put_monitored(page->files->config, out);
    if (!page_counts_only(page))
        put_changes(page);
    out->open(out, "rates", TREE_OBJECT);
    live_report(page->live, out);
    out->close(out);
    out->open(out, "status", TREE_OBJECT);
    if (page_counts_only(page))
        status_counts(p, page->files, out);
    else
        status_members(p, page->files, out);
    out->close(out);
    out->close(out);
    picture_free(p);
    return PAGE_OK;
}
