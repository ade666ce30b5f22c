#include "mirror/sync.h"

#include "core/base/clock.h"
#include "mirror/failed_run.h"
#include "mirror/fetch.h"
#include "mirror/record.h"
#include "mirror/sign_ins.h"
#include "mirror/tenant_lock.h"
#include "mirror/words.h"

#include <stdlib.h>
#include <unistd.h>

#define SOURCE "exchange-online"
/* How long to wait for another tenant's run, or an import, that writes the directory; a million mailboxes take less. */
#define WRITER_WAIT_S 300

struct sync_feed {
    struct exchange *x;
    struct fetch_report report;
};

static int feed(void *arg, struct gathered *g, struct error *e)
{
    struct sync_feed *f = arg;

    return fetch_all(f->x, g, &f->report, e);
}

static enum sync_result import(const struct sync_options *o, const struct tenant_config *tenant, struct exchange *x,
                               struct import_tally *tally, struct error *e)
{
    const char *names[KINDS];
    struct sync_feed f = {x, {0, 0, false}};
    struct import_options options = {
        .config = o->config,
        .directory = o->directory,
        .tenant = tenant->name,
        .kind = KINDS,
        .dry_run = o->dry_run,
        .force = o->force,
        .max_change = o->max_change,
        .files = names,
        .n_files = KINDS,
        .now = clock_wall_s(),
        .out = o->out,
        .feed = feed,
        .feed_arg = &f,
        .source = SOURCE,
        .wait_s = WRITER_WAIT_S,
        .tally = tally,
    };
    enum import_result result;

    for (unsigned i = 0; i < KINDS; i++)
        names[i] = kind_name((enum kind)i);
    result = import_run(&options, e);
    if (result != IMPORT_DONE)
        return result == IMPORT_REFUSED ? SYNC_REFUSED : SYNC_FAILED;
    return f.report.left_out > 0 ? SYNC_PARTIAL : SYNC_DONE;
}

static enum sync_result sync_tenant(const struct sync_options *o, const struct tenant_config *tenant,
                                    struct import_tally *tally, struct error *e)
{
    struct exchange_options options = {o->config, tenant, o->log};
    struct exchange x = {0};
    enum sync_result result = SYNC_FAILED;
    uint64_t began = clock_boot_ns();
    int lock = tenant_lock(o->directory, tenant->name, e);

    if (lock < 0)
        return SYNC_FAILED;
    if (exchange_open(&x, &options, e) == 0) {
        result = import(o, tenant, &x, tally, e);
        session_say(&x.session, "%u requests, %u of them again, %.1f MB, %.1f s", x.session.requests, x.session.retries,
                    (double)x.session.bytes / 1e6, (double)(clock_boot_ns() - began) / 1e9);
    }
    exchange_close(&x);
    (void)close(lock);
    return result;
}

static void tell(const struct sync_options *o, const char *tenant, bool refused, const struct error *why)
{
    const struct failed_run run = {
        .tenant = tenant,
        .refused = refused,
        .force = "postern-mirror sync --force",
        .look = refused ? "All of it: journalctl -u postern-mirror"
                        : "All of it: journalctl -u postern-mirror; postern-mirror doctor",
        .why = why,
    };

    if (!o->dry_run)
        failed_run_tell(o->config, &run, o->log);
}

static enum sync_result worse(enum sync_result a, enum sync_result b)
{
    static const int weight[] = {[SYNC_DONE] = 0, [SYNC_PARTIAL] = 1, [SYNC_REFUSED] = 2, [SYNC_FAILED] = 3};

    return weight[a] >= weight[b] ? a : b;
}

#define SIGN_INS_LEAST_S 20 /* for a tenant of very many */

static enum sync_result sync_sign_ins(const struct sync_options *o, const struct tenant_config *tenant,
                                      uint64_t budget_s)
{
    struct exchange_options options = {o->config, tenant, o->log};
    enum sign_ins_result result = SIGN_INS_FAILED;
    struct exchange x = {0};
    struct error e = {""};
    int lock = tenant_lock(o->directory, tenant->name, &e);

    if (lock >= 0 && exchange_open(&x, &options, &e) == 0)
        result = sign_ins_sync(&x, tenant->name, o->directory, clock_wall_s(), budget_s, &e);
    if (result == SIGN_INS_FAILED)
        fprintf(o->log, "%s: sign-ins: not read: %s\n", tenant->name, e.text);
    fflush(o->log);
    exchange_close(&x);
    if (lock >= 0)
        (void)close(lock);
    return result == SIGN_INS_DONE ? SYNC_DONE : SYNC_PARTIAL;
}

/* Whose sign-ins are to be read: of a tenant without an answer for its settings there will be none for these. */
static bool wants_sign_ins(const struct sync_options *o, size_t i, const enum sync_result *results)
{
    const struct tenant_config *tenant = &o->config->tenants[i];

    return tenant->exchange.sign_ins && tenant->exchange.tenant_id != NULL && !o->dry_run &&
           (o->tenant == NULL || strcmp(o->tenant, tenant->name) == 0) && results[i] != SYNC_FAILED;
}

/* Behind the settings of all tenants, which decide about mail. */
static enum sync_result sync_all_sign_ins(const struct sync_options *o, const enum sync_result *results)
{
    enum sync_result worst = SYNC_DONE;
    uint64_t n = 0, budget_s;

    for (size_t i = 0; i < o->config->n_tenants; i++)
        n += wants_sign_ins(o, i, results);
    budget_s = n > 0 && SIGN_INS_RUN_S / n > SIGN_INS_LEAST_S ? SIGN_INS_RUN_S / n : SIGN_INS_LEAST_S;
    for (size_t i = 0; i < o->config->n_tenants; i++)
        if (wants_sign_ins(o, i, results))
            worst = worse(worst, sync_sign_ins(o, &o->config->tenants[i], budget_s));
    return worst;
}

static void record(const struct sync_options *o, const char *tenant, int64_t began_s, const struct import_tally *tally,
                   enum sync_result result, const struct error *why)
{
    const struct record record = {.directory = o->directory,
                                  .tenant = tenant,
                                  .how = "sync",
                                  .began_s = began_s,
                                  .tally = tally,
                                  .result = result == SYNC_FAILED    ? IMPORT_FAILED
                                            : result == SYNC_REFUSED ? IMPORT_REFUSED
                                                                     : IMPORT_DONE,
                                  .why = why};

    if (!o->dry_run)
        record_run(&record, o->log);
}

/* The settings of one tenant, and what came of that to the log and to people. */
static enum sync_result sync_settings(const struct sync_options *o, const struct tenant_config *tenant)
{
    int64_t began_s = clock_wall_s();
    struct import_tally tally = {0};
    struct error why;
    enum sync_result result = sync_tenant(o, tenant, &tally, &why);

    if (result == SYNC_FAILED || result == SYNC_REFUSED) {
        fprintf(o->log, "%s: %s: %s\n", tenant->name,
                result == SYNC_FAILED ? "failed, and nothing has changed" : "refused, and nothing has changed",
                why.text);
        tell(o, tenant->name, result == SYNC_REFUSED, &why);
    }
    record(o, tenant->name, began_s, &tally, result, &why);
    fflush(o->out);
    fflush(o->log);
    return result;
}

static int run_tenants(const struct sync_options *o, enum sync_result *results, struct error *e)
{
    enum sync_result worst = SYNC_DONE;
    unsigned done = 0;

    for (size_t i = 0; i < o->config->n_tenants; i++) {
        const struct tenant_config *tenant = &o->config->tenants[i];

        if (o->tenant != NULL ? strcmp(o->tenant, tenant->name) != 0 : tenant->exchange.tenant_id == NULL)
            continue;
        if (tenant->exchange.tenant_id == NULL)
            return error_set(e, "tenant \"%s\" has no exchange = { ... } in %s", tenant->name, o->config->file);
        done++;
        results[i] = sync_settings(o, tenant);
        worst = worse(worst, results[i]);
    }
    if (done > 0)
        return (int)worse(worst, sync_all_sign_ins(o, results));
    return o->tenant != NULL
               ? error_set(e, "there is no tenant \"%s\" in %s", words(slice_of(o->tenant)).text, o->config->file)
               : error_set(e, "no tenant in %s has exchange = { ... }; postern.conf(5) says how to set one up",
                           o->config->file);
}

int sync_run(const struct sync_options *o, struct error *e)
{
    enum sync_result *results = calloc(o->config->n_tenants + 1, sizeof *results);
    int status;

    if (results == NULL)
        return error_set(e, "out of memory");
    status = run_tenants(o, results, e);
    free(results);
    return status;
}
