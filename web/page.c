#include "web/page.h"

#include "core/report/text.h"

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
