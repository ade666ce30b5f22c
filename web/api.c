#include "web/api.h"

#include "core/print/print.h"
#include "core/report/text.h"
#include "web/routes.h"
#include "web/rows.h"

#include <stdio.h>
#include <stdlib.h>

/* "data" is what was asked for, "next" where the next rows begin, "notes" what to know when reading it. */
static void put_rest(FILE *to, const struct page *page, const struct rows *rows)
{
    char mem[TEXT_CELL_MAX];

    if (page->next[0] != '\0')
        fprintf(to, ", \"next\": \"%s\", \"notes\": [", page->next);
    else
        fputs(", \"next\": null, \"notes\": [", to);
    for (size_t i = 0; i < rows->n_notes; i++) {
        struct buf b = BUF_OVER(mem);

        text_add_json(&b, slice_of(rows->notes[i].text));
        fprintf(to, "%s%s", i > 0 ? ", " : "", mem);
    }
    fputs("]}\n", to);
}

/* The rows that were asked for: "rows" of them, from "after" on, which is a "next" of before. */
static int take_window(struct page *page)
{
    unsigned long long limit, after;

    if (asked_number(page->asked, "rows", PAGE_ROWS_MAX, PAGE_ROWS, &limit, &page->e) != 0 ||
        asked_number(page->asked, "after", UINT32_MAX, 0, &after, &page->e) != 0)
        return PAGE_BAD;
    page->window.skip = after;
    page->window.most = limit;
    return PAGE_OK;
}

static int make_data(struct page *page, const struct route *route, FILE *to)
{
    static const struct terminal none = {.columns = 0};
    struct rows *rows = calloc(1, sizeof *rows);
    struct printer *json = print_begin(to, OUTPUT_JSON, &none, "postern-web", NULL);
    int status = PAGE_OK;

    page->window.most = UINT64_MAX / 2;
    if (rows == NULL || json == NULL) {
        (void)error_set(&page->e, "out of memory");
        status = PAGE_NO_FILE;
    } else if (route->has_rows) {
        status = take_window(page);
    }
    if (status == PAGE_OK && (status = page_narrow(page, route)) == PAGE_OK) {
        rows_begin_page(rows, json, page, route);
        page->out = &rows->printer;
        fputs("{\"data\": ", to);
        status = route->make(page);
        if (status == PAGE_OK)
            status = rows_judge(rows, page);
        if (rows->more)
            (void)snprintf(page->next, sizeof page->next, "%llu",
                           (unsigned long long)page->window.skip + page->window.most);
        put_rest(to, page, rows);
    }
    if (print_end(json) != 0 && status == PAGE_OK) {
        (void)error_set(&page->e, "out of memory");
        status = PAGE_NO_FILE;
    }
    free(rows);
    return status;
}

void api_error(struct answer_text *out, int status, const struct error *e)
{
    char mem[TEXT_CELL_MAX];
    struct buf b = BUF_OVER(mem);

    text_add_json(&b, slice_of(e->text));
    free(out->text);
    out->status = status;
    out->type = TYPE_JSON;
    if (asprintf(&out->text, "{\"error\": %s}\n", mem) < 0)
        out->text = NULL;
    out->n = out->text != NULL ? strlen(out->text) : 0;
}

static int make_page(const struct web *web, const struct route *route, struct page *page, FILE *to)
{
    int status = PAGE_NO_FILE;

    if ((page->files = shelf_take(web->shelf, &page->e)) == NULL)
        return status;
    status = make_data(page, route, to);
    if (status == PAGE_OK && asked_check(page->asked, &page->e) != 0)
        status = PAGE_BAD;
    shelf_put(web->shelf, page->files);
    return status;
}

void api_make(struct web *web, const struct route *route, struct slice scope, struct slice target,
              struct answer_text *out)
{
    struct asked *asked = malloc(sizeof *asked);
    struct page page = {.asked = asked, .scope = scope, .shelf = web->shelf, .live = web->live, .look = web->look};
    FILE *to;
    int status;

    *out = (struct answer_text){.status = PAGE_OK, .type = TYPE_JSON};
    if (asked == NULL || (to = open_memstream(&out->text, &out->n)) == NULL) {
        free(asked);
        return;
    }
    if (asked_read(target, asked, &page.e) != 0 ||
        (route_takes_rest(route) && asked_take_rest(asked, strlen(route->path), &page.e) != 0))
        status = PAGE_BAD;
    else
        status = make_page(web, route, &page, to);
    if (fclose(to) != 0) {
        free(out->text);
        out->text = NULL;
    } else if (status != PAGE_OK) {
        api_error(out, status, &page.e);
    }
    free(asked);
}
