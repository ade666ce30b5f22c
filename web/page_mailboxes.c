/* Mailboxes and connectors: finding them, and all that is known of one. */
#include "core/base/guid.h"
#include "core/directory/mailbox_search.h"
#include "core/report/mailbox_report.h"
#include "web/page.h"

#include <stdio.h>

/* ---- finding ---- */

static const struct column columns[] = {{"tenant", VALUE_TEXT}, {"mailbox", VALUE_TEXT}, {"name", VALUE_TEXT},
                                        {"upn", VALUE_TEXT},    {"alias", VALUE_TEXT},   {"account", VALUE_TEXT},
                                        {"type", VALUE_TEXT},   {"setting", VALUE_TEXT}, {"id", VALUE_TEXT}};

struct finding {
    struct page *page;
    uint64_t most, n;
    char last[sizeof((struct page *)NULL)->next];
};

static struct value text_or_none(struct slice text)
{
    return text.n > 0 ? value_text(text) : value_none();
}

static bool take_found(void *arg, uint32_t tenant, const struct mailbox_record *m)
{
    struct finding *f = arg;
    const struct tenant_facts *facts = directory_tenant(f->page->files->view, tenant);
    char id[GUID_TEXT_MAX];

    if (facts == NULL || !scope_has(f->page->scope, slice_of(facts->name)))
        return true;
    guid_write(m->id.b, id);
    if (f->n == f->most) { /* there is one more */
        memcpy(f->page->next, f->last, sizeof f->page->next);
        return false;
    }
    f->n++;
    (void)snprintf(f->last, sizeof f->last, "%u.%s", tenant, id);
    f->page->out->row(f->page->out,
                      (const struct value[]){value_word(facts->name), value_text(m->primary), text_or_none(m->name),
                                             text_or_none(m->upn), text_or_none(m->alias), text_or_none(m->account),
                                             value_word(mailbox_type_word(m->recipient_type)),
                                             value_word(mailbox_setting_word(m->smtp_auth)), value_word(id)});
    return true;
}

/* "after": the tenant's number and the id of the last one. False: it is no such thing. */
static bool read_after(const char *text, struct mailbox_search *search)
{
    unsigned long long tenant;
    struct slice number, id;

    search->goes_on = true;
    if (!slice_cut(slice_of(text), '.', &number, &id) || !slice_to_u64(number, UINT32_MAX, &tenant))
        return false;
    search->after_tenant = (uint32_t)tenant;
    return guid_parse(id, search->after.b);
}

/* PAGE_OK, or another status with page->e. */
static int read_search(struct page *page, struct mailbox_search *search, struct finding *found)
{
    const char *q = asked_value(page->asked, "q"), *after = asked_value(page->asked, "after");
    const struct tenant_facts *facts;
    unsigned long long rows;

    *search = (struct mailbox_search){.text = slice_trim(slice_of(q)), .tenant = EVERY_TENANT};
    if (search->text.n == 0 || search->text.n > MAILBOX_SEARCH_MAX)
        (void)error_set(&page->e, "q: expected the beginning of a name, of at most %u bytes", MAILBOX_SEARCH_MAX);
    else if (after != NULL && !read_after(after, search))
        (void)error_set(&page->e, "after: expected the \"next\" of another page");
    else if (asked_number(page->asked, "rows", PAGE_ROWS_MAX, PAGE_ROWS, &rows, &page->e) == 0) {
        found->most = rows;
        if (files_open_directory(page->files, &page->e) != 0)
            return PAGE_NO_FILE;
        /* Of several, take_found tells them apart. */
        if (page->files->view != NULL && (facts = directory_tenant_named(page->files->view, page->scope)) != NULL)
            search->tenant = facts->tenant;
        return PAGE_OK;
    }
    return PAGE_BAD;
}

int page_mailboxes(struct page *page)
{
    struct finding found = {.page = page};
    struct mailbox_search search;
    int status = read_search(page, &search, &found);

    if (status != PAGE_OK)
        return status;
    page->out->table(page->out, &(struct table){TABLE_COLUMNS(columns)});
    if (page->files->view == NULL) {
        page->out->remark(page->out, REMARK_WARNING, "there is no directory yet; run postern-mirror");
    } else if (mailbox_search(page->files->view, &search, take_found, &found) != DIRECTORY_FOUND) {
        (void)error_set(&page->e, "a record of the directory is damaged: run postern-mirror verify");
        return PAGE_NO_FILE;
    }
    page->out->end(page->out);
    return PAGE_OK;
}

/* ---- one ---- */

int page_mailbox(struct page *page)
{
    struct decide_context c;
    struct error e;
    int status = page_open_context(page, &c), found;

    if (status != PAGE_OK)
        return status;
    page_try_journal(page);
    if (files_open_history(page->files, &e) != 0)
        page->out->remark(page->out, REMARK_WARNING, e.text);
    found = mailbox_report(&c, page->files, page->scope, page->asked->rest, page->out, &page->e);
    return found > 0 ? PAGE_OK : found == 0 ? PAGE_NOT_FOUND : PAGE_NO_FILE;
}

int page_connectors(struct page *page)
{
    struct decide_context c;
    int status = page_open_context(page, &c);

    if (status != PAGE_OK)
        return status;
    return connectors_report(&c, page->scope, page->out, &page->e) == 0 ? PAGE_OK : PAGE_NO_FILE;
}
