#include "mirror/series.h"

#include "mirror/circle.h"
#include "mirror/exchange/service_error.h"
#include "mirror/words.h"

#include <jansson.h>
#include <stdlib.h>

#define RESTARTS_MAX 3u
#define RESTART_PAUSE_MS 2000u
#define EMPTY_PAGES_MAX 16u /* in succession, each with a link to another */
#define WARNINGS_SHOWN 5

/* Links and first rows seen: one that comes twice means a loop. */
struct series_seen {
    struct circle links, first_rows;
};

struct series_walk {
    struct exchange *x;
    const struct series *s;
    struct gathered *g;
    struct series_count *count;
    struct series_seen *seen;
    unsigned empty_pages;
    bool strange; /* the page is another tenant's */
    CURLU *next;  /* link in the last page; NULL: none */
};

static int page_error(const struct series_walk *w, const char *why, struct error *e)
{
    return error_set(e, "%s, page %u: %s", kind_name(w->s->kind), w->count->pages, why);
}

/* ---- rows ---- */

static int check_row(const struct series_walk *w, const struct row *row, struct error *e)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if ((w->s->needs & COLUMN_BIT(i)) != 0 && row->cells[i].kind == CELL_ABSENT)
            return error_set(e, "%s: %s has no %s, and absent is not empty: the answer is not what was asked for",
                             kind_name(w->s->kind), place_words(row->place).text, column_name((enum column)i));
    return 0;
}

static uint64_t first_row_hash(const struct series_walk *w, const struct row *row)
{
    static const enum column columns[] = {COLUMN_GUID,   COLUMN_PRIMARY, COLUMN_IDENTITY, COLUMN_TRUSTEE,
                                          COLUMN_SENDER, COLUMN_DOMAIN,  COLUMN_NAME};
    uint64_t hash = 0;

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        hash = hash_mix(hash, hash_slice(&w->seen->first_rows.secret, cell_text(&row->cells[columns[i]])));
    return hash;
}

static int take_rows(struct series_walk *w, struct rows *rows, struct error *e)
{
    unsigned long n = 0;
    struct row *row;
    int more;

    while ((more = rows_next(rows, &row, e)) > 0) {
        row->place = PLACE_ROW | (row_place)(w->count->rows + 1);
        if (w->s->graph_path == NULL && !rows_envelope(rows)->present)
            continue; /* an envelope without "value": take_envelope judges it */
        if (check_row(w, row, e) != 0)
            return -1;
        if (n == 0 && !circle_add_hash(&w->seen->first_rows, first_row_hash(w, row)) && w->s->graph_path == NULL)
            return page_error(w, "it begins like an earlier page: the answer goes in a circle", e);
        if (gather_row(w->g, w->s->kind, w->s->kind, row, e) != 0)
            return -1;
        n++;
        w->count->rows++;
    }
    w->empty_pages = n > 0 ? 0 : w->empty_pages + 1;
    return more < 0 ? -1 : 0;
}

/* ---- the envelope ---- */

static int check_warnings(const struct series_walk *w, const json_t *warnings, bool more, struct error *e)
{
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *item = json_array_get(warnings, i);
        struct slice text = {json_string_value(item), json_string_length(item)};

        if (!json_is_string(item))
            return page_error(w, "@adminapi.warnings contains something other than text", e);
        if (warning_judge(text) == WARNING_HARMLESS) {
            if (i < WARNINGS_SHOWN)
                session_say(&w->x->session, "%s: the service warns: \"%s\"", kind_name(w->s->kind), words(text).text);
        } else if (!more) {
            return error_set(e, "%s, page %u: the answer is cut: \"%s\"", kind_name(w->s->kind), w->count->pages,
                             words(text).text);
        }
    }
    return 0;
}

static int take_link(struct series_walk *w, const json_t *link, struct error *e)
{
    struct slice text = {json_string_value(link), json_string_length(link)};

    if (link == NULL || json_is_null(link))
        return 0;
    if (!json_is_string(link))
        return page_error(w, "@odata.nextLink is not text", e);
    if (w->count->pages >= CIRCLE_MAX)
        return page_error(w, "the pages never end", e);
    if (w->empty_pages > EMPTY_PAGES_MAX)
        return page_error(w, "one empty page after the other", e);
    if (!circle_add(&w->seen->links, text))
        return page_error(w, "the link to the next page was there before: the pages go in a circle", e);
    w->next = origin_judge(&w->x->origin, text, e);
    w->strange = w->next == NULL;
    return w->next != NULL ? 0 : error_prefix(e, "%s, page %u", kind_name(w->s->kind), w->count->pages);
}

static int check_tenant_id(struct series_walk *w, const struct rows *rows, struct error *e)
{
    const char *found = rows_envelope(rows)->organization;
    const char *own = w->x->signin.exchange->tenant_id;

    if (found[0] == '\0' || strcmp(found, own) == 0)
        return 0;
    w->strange = true;
    return error_set(e, "%s, page %u: the answer is another tenant's (%s); exchange.tenant_id is %s",
                     kind_name(w->s->kind), w->count->pages, found, own);
}

static int take_envelope(struct series_walk *w, const struct rows *rows, struct error *e)
{
    struct slice text = rows_head(rows);
    json_t *head = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *warnings = json_object_get(head, "@adminapi.warnings");
    const json_t *errors = json_object_get(head, "@adminapi.errors");
    const json_t *link = json_object_get(head, "@odata.nextLink");
    int result = -1;

    if (head == NULL || check_tenant_id(w, rows, e) != 0)
        goto out;
    if (w->s->graph_path != NULL) {
        result = 0;
        goto out;
    }
    if (!rows_envelope(rows)->present && !json_is_array(warnings))
        (void)page_error(w, "it has no \"value\": it is not an answer of this cmdlet", e);
    else if (json_array_size(errors) > 0)
        (void)page_error(w, "the service reports errors along with the rows", e);
    else if (check_warnings(w, warnings, link != NULL && !json_is_null(link), e) == 0)
        result = take_link(w, link, e);
out:
    json_decref(head);
    return result;
}

/* ---- pages ---- */

static int take_page(struct series_walk *w, struct slice body, struct error *e)
{
    char name[96];
    struct buf b = BUF_OVER(name);
    struct rows *rows;
    int result = -1;

    w->count->pages++;
    buf_addf(&b, "%s, page %u", kind_name(w->s->kind), w->count->pages);
    if (rows_memory(body, name, &rows, e) != 0)
        return -1;
    if (rows_form(rows) != ROWS_JSON)
        (void)page_error(w, "it is not JSON", e);
    else if (take_rows(w, rows, e) == 0)
        result = take_envelope(w, rows, e);
    rows_close(rows);
    return result;
}

static enum exchange_result series_ask(struct series_walk *w, CURLU *link, struct http_answer *answer, struct error *e)
{
    const struct series *s = w->s;

    if (s->graph_path != NULL)
        return exchange_graph(w->x, s->graph_path, NULL, s->permission, answer, e);
    return exchange_invoke(w->x, kind_name(s->kind), s->parameters, link, s->permission, answer, e);
}

/* Reads from the first page to the last. */
static enum exchange_result walk_pages(struct series_walk *w, struct error *e)
{
    struct http_answer answer;
    enum exchange_result result;
    CURLU *link = NULL;

    for (;;) {
        result = series_ask(w, link, &answer, e);
        if (link != NULL && result == EXCHANGE_FORBIDDEN)
            result = EXCHANGE_UNABLE; /* since the first page was allowed */
        curl_url_cleanup(link);
        w->next = NULL;
        if (result != EXCHANGE_OK)
            return result;
        if (take_page(w, answer.body, e) != 0) {
            curl_url_cleanup(w->next);
            return w->strange ? EXCHANGE_FAILED : EXCHANGE_UNABLE;
        }
        link = w->next;
        if (link == NULL)
            return EXCHANGE_OK;
    }
}

enum exchange_result series_fetch(struct exchange *x, const struct series *s, struct gathered *g,
                                  struct series_count *count, struct error *e)
{
    struct gather_mark mark = gather_mark(g);
    struct series_walk w = {x, s, g, count, calloc(1, sizeof *w.seen), 0, false, NULL};
    enum exchange_result result = EXCHANGE_FAILED;

    *count = (struct series_count){0};
    if (w.seen == NULL || !circle_begin(&w.seen->links) || !circle_begin(&w.seen->first_rows)) {
        (void)error_set(e, "no memory, or no random numbers");
        goto out;
    }
    g->kinds |= 1u << s->kind;
    while ((result = walk_pages(&w, e)) == EXCHANGE_EXPIRED && count->restarts < RESTARTS_MAX) {
        session_say(&x->session, "%s: the link to page %u has expired; the series begins again", kind_name(s->kind),
                    count->pages + 1);
        gather_rewind(g, &mark);
        w.seen->links.n = w.seen->first_rows.n = w.empty_pages = 0;
        *count = (struct series_count){.restarts = count->restarts + 1};
        if (!session_wait(&x->session, RESTART_PAUSE_MS * count->restarts)) {
            result = EXCHANGE_FAILED;
            break;
        }
    }
    if (result != EXCHANGE_OK)
        gather_take_back(g, s->kind, &mark);
    if (result == EXCHANGE_EXPIRED) {
        (void)error_prefix(e, "given up after %u beginnings", count->restarts + 1);
        result = EXCHANGE_UNABLE;
    }
    if (result == EXCHANGE_NOT_FOUND && s->kind != KIND_GROUP_MEMBER)
        result = EXCHANGE_UNABLE;
out:
    free(w.seen);
    return result;
}
