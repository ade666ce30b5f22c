/* What should be looked at: findings of the audit, and of the last check of Postfix, with what was accepted. */
#include "core/base/clock.h"
#include "core/report/accepted.h"
#include "core/report/audit.h"
#include "core/report/postfix_kept.h"
#include "web/page.h"

#define AUDIT_DAYS 90u

/* A file that is wrong accepts nothing, and a remark says so. */
static void load_accepted(struct page *page, struct accepted *out)
{
    struct error e;

    if (accepted_load(page->files->config->accepted_findings, out, &e) != 0)
        printer_remark(page->out, REMARK_WARNING, "no finding is taken for accepted: %s", e.text);
}

static int report(struct page *page, struct audit *a)
{
    struct accepted accepted;

    if (audit_all(a, &page->e) != 0)
        return PAGE_NO_FILE;
    load_accepted(page, &accepted);
    findings_accept(a->findings, "audit", &accepted, a->now_s);
    findings_report(a->findings, "audit", page->out);
    accepted_free(&accepted);
    return PAGE_OK;
}

int page_audit(struct page *page)
{
    struct report_files *f = page->files;
    struct findings found;
    struct audit a = {.config = f->config, .findings = &found, .now_s = clock_wall_s()};
    unsigned long long days;
    struct error e;
    char text[600];
    int status;

    if (asked_number(page->asked, "days", USAGE_DAYS, AUDIT_DAYS, &days, &page->e) != 0)
        return PAGE_BAD;
    if (files_open_directory(f, &page->e) != 0)
        return PAGE_NO_FILE;
    page_try_journal(page);
    (void)files_open_history(f, &e);
    if (files_open_state(f, &e) == 0 && !files_agree(f))
        a.disagreement = files_disagreement(f, text, sizeof text);
    a.view = f->view;
    a.journal = f->journal;
    a.history = f->history;
    a.days = days;
    findings_begin(&found, audit_rules, AUDIT_RULES);
    status = report(page, &a);
    findings_free(&found);
    return status;
}

int page_check_postfix(struct page *page)
{
    struct accepted accepted;
    int rc;

    load_accepted(page, &accepted);
    rc = postfix_kept_report(page->files->config, page->files->config_path, &accepted, clock_wall_s(), page->out,
                             &page->e);
    accepted_free(&accepted);
    return rc == 0 ? PAGE_OK : PAGE_NO_FILE;
}
