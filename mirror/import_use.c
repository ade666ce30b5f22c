#include "mirror/import_use.h"

#include "core/journal/cloud_use.h"
#include "mirror/claimants.h"
#include "mirror/import_private.h"
#include "mirror/read/clients_report.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define DAY_S 86400

struct use_report {
    const char *path;
    struct clients_report report;
    int64_t first_s, last_s; /* the range that it is about */
};

struct use_reports {
    const char **others; /* the files of the run that are none */
    struct use_report *reports[USE_REPORTS_MAX];
    size_t n;
};

/* ---- opening ---- */

static bool is_told(const struct import_options *o, const char *file)
{
    if (o->kind != KINDS)
        return true;
    for (size_t i = 0; i < o->n_file_kinds; i++)
        if (import_is_file(o->file_kinds[i].file, file))
            return true;
    return false;
}

/* The days that rows name, where they do: from the first to the end of the last. */
static int find_days(const char *path, int64_t *first_s, int64_t *last_s, struct error *e)
{
    struct clients_report report;
    struct clients_report_row row;
    int more;

    *first_s = *last_s = 0;
    if (clients_report_open(path, &report, e) != 0)
        return -1;
    while ((more = clients_report_next(&report, &row, e)) > 0) {
        if (row.day_s > 0 && (*first_s == 0 || row.day_s < *first_s))
            *first_s = row.day_s;
        if (row.day_s > 0 && row.day_s + DAY_S > *last_s)
            *last_s = row.day_s + DAY_S;
    }
    clients_report_close(&report);
    return more;
}

/*
 * The file does not say its range unless rows have dates. It ends a day before the file was written, and begins as many
 * days earlier as --report-days says: too few, where that is not said, rather than too many.
 */
static int find_range(struct use_report *r, unsigned days, int64_t now, struct error *e)
{
    int64_t written;
    struct stat st;

    if (find_days(r->path, &r->first_s, &r->last_s, e) != 0)
        return -1;
    written = stat(r->path, &st) == 0 && st.st_mtime < now ? (int64_t)st.st_mtime : now;
    if (r->last_s == 0 || r->last_s > written)
        r->last_s = written - REPORT_BEHIND_S;
    if (r->first_s == 0 || r->first_s >= r->last_s)
        r->first_s = r->last_s - (int64_t)(days > 0 ? days : REPORT_DAYS_STANDARD) * DAY_S;
    return 0;
}

static int add_report(struct use_reports *u, const char *path, unsigned days, int64_t now, struct error *e)
{
    struct use_report *r;

    if (u->n == USE_REPORTS_MAX)
        return error_set(e, "more than %d SMTP AUTH clients reports in one run", USE_REPORTS_MAX);
    r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, "out of memory");
    r->path = path;
    if (find_range(r, days, now, e) != 0 || clients_report_open(path, &r->report, e) != 0) {
        free(r);
        return -1;
    }
    u->reports[u->n++] = r;
    return 0;
}

int use_reports_open(struct import_options *options, unsigned days, struct use_reports **out, struct error *e)
{
    struct use_reports *u = calloc(1, sizeof *u);
    size_t n = 0;

    *out = NULL;
    if (u == NULL || (u->others = calloc(options->n_files + 1, sizeof *u->others)) == NULL) {
        free(u);
        return error_set(e, "out of memory");
    }
    for (size_t i = 0; i < options->n_files; i++) {
        const char *path = options->files[i];

        if (is_told(options, path) || !clients_report_is(path)) {
            u->others[n++] = path;
        } else if (add_report(u, path, days, options->now, e) != 0) {
            use_reports_close(u);
            return -1;
        }
    }
    if (u->n == 0) {
        use_reports_close(u);
        return 0;
    }
    options->files = u->others;
    options->n_files = n;
    *out = u;
    return 0;
}

void use_reports_close(struct use_reports *u)
{
    if (u == NULL)
        return;
    for (size_t i = 0; i < u->n; i++) {
        clients_report_close(&u->reports[i]->report);
        free(u->reports[i]);
    }
    free(u->others);
    free(u);
}

/* ---- writing ---- */

struct use_writing {
    const struct import_options *o;
    struct history *h; /* NULL: a dry run */
    struct claimants claimants;
    unsigned long long rows, messages, nobodys;
};

/* TLS 1.0 is the first that the report has. */
static int tls_of(int tls)
{
    return tls >= 0 ? (int)TLS_V1_0 + tls : -1;
}

static int write_row(struct use_writing *w, const struct use_report *r, const struct clients_report_row *row,
                     struct error *e)
{
    struct cloud_use use = {.first_s = r->first_s,
                            .last_s = r->last_s,
                            .number = row->messages,
                            .basic = row->protocol == PROTOCOL_BASIC ? row->messages : 0,
                            .oauth = row->protocol == PROTOCOL_OAUTH ? row->messages : 0,
                            .tls = tls_of(row->tls)};
    struct address primary[DIRECTORY_CLAIMS_MAX];
    unsigned n = claimants_find(&w->claimants, row->sender, primary);

    w->rows++;
    w->messages += row->messages;
    w->nobodys += n == 0;
    if (w->h == NULL)
        return 0;
    if (n == 0)
        return cloud_use_report(w->h, slice_of(w->o->tenant), row->sender, &use, e);
    for (unsigned i = 0; i < n; i++)
        if (cloud_use_report(w->h, slice_of(w->o->tenant), address_slice(&primary[i]), &use, e) != 0)
            return -1;
    return 0;
}

static int write_rows(struct use_writing *w, struct use_report *r, struct error *e)
{
    struct clients_report_row row;
    int more;

    while ((more = clients_report_next(&r->report, &row, e)) > 0)
        if (row.messages > 0 && write_row(w, r, &row, e) != 0)
            return -1;
    return more;
}

static int write_report(struct use_writing *w, struct use_report *r, struct error *e)
{
    struct slice tenant = slice_of(w->o->tenant);

    if (w->h == NULL)
        return write_rows(w, r, e);
    if (history_begin(w->h, e) != 0 || cloud_report_begin(w->h, tenant, r->first_s, r->last_s, w->o->now, e) != 0 ||
        write_rows(w, r, e) != 0 || cloud_use_forget(w->h, w->o->now, e) != 0 || history_commit(w->h, e) != 0) {
        history_rollback(w->h);
        return -1;
    }
    return 0;
}

static void tell(const struct use_writing *w, const struct use_report *r)
{
    char first[32] = "?", last[32] = "?";
    time_t begin = (time_t)r->first_s, end = (time_t)r->last_s;
    struct tm tm;

    if (gmtime_r(&begin, &tm) != NULL)
        (void)strftime(first, sizeof first, "%Y-%m-%d", &tm);
    if (gmtime_r(&end, &tm) != NULL)
        (void)strftime(last, sizeof last, "%Y-%m-%d", &tm);
    fprintf(w->o->out, "%s: SMTP AUTH clients report, taken for %s to %s: %llu senders, %llu messages%s\n",
            w->o->tenant, first, last, w->rows, w->messages, w->h == NULL ? " (dry run: nothing is written)" : "");
    if (w->nobodys > 0)
        fprintf(w->o->out, "%s: %llu of these senders are no mailbox of the directory\n", w->o->tenant, w->nobodys);
}

static int write_all(struct use_writing *w, struct use_reports *u, struct error *e)
{
    for (size_t i = 0; i < u->n; i++) {
        w->rows = w->messages = w->nobodys = 0;
        if (write_report(w, u->reports[i], e) != 0)
            return -1;
        tell(w, u->reports[i]);
    }
    return 0;
}

int use_reports_write(struct use_reports *u, const struct import_options *options, struct error *e)
{
    struct use_writing w = {.o = options};
    struct error notice = {""};
    int result = -1;

    if (import_check_tenant_name(options->tenant, e) != 0)
        return -1;
    if (options->leave_root && import_leave_root(options->directory, e) != 0)
        return -1;
    if (claimants_open(&w.claimants, options->directory, slice_of(options->tenant), e) == 0 &&
        (options->dry_run || history_open(options->directory, true, &w.h, &notice, e) == 0)) {
        if (notice.text[0] != '\0')
            fprintf(options->out, "%s\n", notice.text);
        result = write_all(&w, u, e);
    }
    history_close(w.h);
    claimants_close(&w.claimants);
    return result;
}
