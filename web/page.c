#include "web/page.h"

#include "core/report/text.h"
#include "web/routes.h"

int page_open_context(struct page *page, struct decide_context *context)
{
    struct report_files *f = page->files;
    char text[600];

    if (files_open_directory(f, &page->e) != 0 || files_open_state(f, &page->e) != 0)
        return PAGE_NO_FILE;
    if (!files_agree(f))
        printer_remark(page->out, REMARK_WARNING, "%s; what they decide may differ from what is said here",
                       files_disagreement(f, text, sizeof text));
    *context = files_context(f);
    return PAGE_OK;
}

void page_try_journal(struct page *page)
{
    struct report_files *f = page->files;
    struct error e;

    if (f->config->journal != NULL && f->config->journal[0] != '\0' && files_open_journal(f, &e) != 0)
        page->out->remark(page->out, REMARK_WARNING, e.text);
}

static bool is_tenant(struct page *page, struct slice name)
{
    struct error e;

    if (config_tenant(page->files->config, name) != NULL)
        return true;
    return files_open_directory(page->files, &e) == 0 && page->files->view != NULL &&
           directory_tenant_named(page->files->view, name) != NULL;
}

int page_narrow(struct page *page, const struct route *route)
{
    const char *name;

    page->bound = !page_counts_only(page) && !scope_is_all(page->scope);
    /* Counts are those of all tenants. Where it isn't taken, it is told as a name that there isn't. */
    if (page_counts_only(page) || route->reach == REACH_ANY || (route->reach == REACH_NONE && !route->narrows) ||
        (name = asked_value(page->asked, "tenant")) == NULL)
        return PAGE_OK;
    if (!scope_has(page->scope, slice_of(name)) || !is_tenant(page, slice_of(name))) {
        (void)error_set(&page->e, "tenant: you see none of that name");
        return PAGE_BAD;
    }
    page->scope = slice_of(name);
    return PAGE_OK;
}
