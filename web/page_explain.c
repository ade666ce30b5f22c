/* What would become of a message, and why: never charges. */
#include "core/base/clock.h"
#include "core/base/units.h"
#include "core/directory/mailbox_name.h"
#include "core/report/explain.h"
#include "core/report/text.h"
#include "web/page.h"

#include <stdio.h>
#include <stdlib.h>

/* One line of a log, or the parts of a submission by the names of "postern explain". 0, or -1 with page->e. */
static int read_question(struct page *page, struct question *q)
{
    const struct {
        const char *name;
        struct slice *place;
    } rows[] = {{"user", &q->user}, {"client", &q->client}, {"method", &q->method}, {"sender", &q->sender},
                {"from", &q->from}, {"size", &q->size},     {"stage", &q->stage}};
    const char *line = asked_value(page->asked, "line"), *value;
    FILE *from;
    int rc;

    if (line != NULL) {
        if (line[0] == '\0' || (from = fmemopen((void *)(uintptr_t)line, strlen(line), "r")) == NULL)
            return error_set(&page->e, "line: expected a line of postern's log");
        rc = question_read_log_line(q, from, &page->e);
        (void)fclose(from);
        return rc == 0 ? 0 : error_prefix(&page->e, "line");
    }
    q->paths = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((value = asked_value(page->asked, rows[i].name)) != NULL) {
            *rows[i].place = slice_of(value);
            q->has_sender |= rows[i].place == &q->sender;
        }
    while ((value = asked_value(page->asked, "recipient")) != NULL && q->n_recipients < QUESTION_RECIPIENTS_MAX)
        q->recipient[q->n_recipients++] = slice_of(value);
    if ((value = asked_value(page->asked, "tls")) != NULL && !question_tls(q, value))
        return error_set(&page->e, "tls is none, 1.0, 1.1, 1.2 or 1.3");
    if (q->user.n == 0 && q->client.n == 0)
        return error_set(&page->e, "who sends? Expected user or client, or line");
    question_fill_in(q);
    return 0;
}

static int move_time(struct decide_context *c, const char *at, struct error *e)
{
    int64_t wall_s;

    if (at == NULL)
        return 0;
    if (text_read_time(at, c->wall_s, &wall_s, e) != 0)
        return error_prefix(e, "at");
    return explain_move_time(c, wall_s, e);
}

/* PAGE_OK, or another status with page->e. */
static int prepare(struct page *page, struct question *q, struct explained *x, enum stage *stage, bool *all)
{
    const char *at = asked_value(page->asked, "at");
    int status;

    if (read_question(page, q) != 0)
        return PAGE_BAD;
    if ((status = page_open_context(page, &x->context)) != PAGE_OK)
        return status;
    if (question_submission(q, &x->submission, &x->headers, &page->e) != 0 ||
        question_stage(q, stage, all, &page->e) != 0 || move_time(&x->context, at, &page->e) != 0)
        return PAGE_BAD;
    return PAGE_OK;
}

int page_explain(struct page *page)
{
    struct question *q = calloc(1, sizeof *q);
    struct explained *x = calloc(1, sizeof *x);
    int status = PAGE_NO_FILE;
    enum stage stage;
    bool all;

    if (q == NULL || x == NULL)
        (void)error_set(&page->e, "out of memory");
    else if ((status = prepare(page, q, x, &stage, &all)) == PAGE_OK) {
        explain_ask(x, q, stage, all);
        explain_report(x, q, page->out);
    }
    if (x != NULL)
        explained_clear(x);
    free(q);
    free(x);
    return status;
}
