#include "mirror/doctor.h"

#include "core/base/clock.h"
#include "mirror/fetch.h"
#include "mirror/sign_ins.h"
#include "mirror/words.h"
#include "mirror/writeback.h"

#include <jansson.h>
#include <stdarg.h>

#define CERTIFICATE_SOON_S (30 * 86400)
#define HOST_TIMEOUT_MS 30000

struct visit {
    const struct doctor_options *o;
    const struct tenant_config *tenant;
    struct exchange x;
    unsigned failed;
    char proxy[300];
};

static void good(const struct visit *v, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void good(const struct visit *v, const char *step, const char *format, ...)
{
    va_list args;

    fprintf(v->o->out, "ok    %-42s ", step);
    va_start(args, format);
    vfprintf(v->o->out, format, args);
    va_end(args);
    fputc('\n', v->o->out);
    fflush(v->o->out);
}

static int bad(struct visit *v, const char *step, const struct error *e)
{
    v->failed++;
    fprintf(v->o->out, "FAIL  %-42s %s\n", step, e->text);
    fflush(v->o->out);
    return -1;
}

/* ---- files ---- */

static int step_files(struct visit *v)
{
    int64_t end, now = clock_wall_s();
    struct error e;

    if (signin_check_files(&v->x.signin, &end, &e) != 0)
        return bad(v, "credentials", &e);
    if (end == 0) {
        good(v, "credentials", "can be read, and by nobody else");
        return 0;
    }
    if (end <= now) {
        (void)error_set(&e, "the certificate has expired %lld days ago: make a new one, and upload it",
                        (long long)(now - end) / 86400);
        return bad(v, "credentials", &e);
    }
    good(v, "credentials", "certificate and key fit together; %lld days left%s", (long long)(end - now) / 86400,
         end - now < CERTIFICATE_SOON_S ? ": renew it soon" : "");
    return 0;
}

/* ---- the way there ---- */

/* Any HTTP answer will do, since it came over a verified connection. */
static int step_host(struct visit *v, const char *host)
{
    static const char *const headers[] = {"Accept: */*", NULL};
    char text[300];
    struct buf url = BUF_OVER(text);
    struct http_request request = {.url = text, .headers = headers, .timeout_ms = HOST_TIMEOUT_MS};
    struct http_answer answer;
    struct error e;
    int result;

    buf_addf(&url, "https://%s/", host);
    result = http_do(v->x.session.http, &request, &answer, &e);
    if (result != 0)
        (void)error_prefix(&e, "%s", host);
    if (answer.unresolved)
        return bad(v, "name", &e);
    good(v, "name", "%s%s%s", host, answer.address[0] != '\0' ? " is " : "", answer.address);
    if (result != 0)
        return bad(v, "TLS", &e);
    good(v, "TLS", "%s: certificate verified, %s", host, answer.protocol);
    return 0;
}

/* ---- signing in ---- */

static int step_sign_in(struct visit *v)
{
    const struct token *t = &v->x.token;
    struct error e;

    if (exchange_sign_in(&v->x, &e) != TOKEN_OK)
        return bad(v, "sign-in", &e);
    good(v, "sign-in", "a token for Exchange Online%s%s", t->tid[0] != '\0' ? " of tenant " : "", t->tid);
    if (!t->has_roles) {
        good(v, "application permission", "the token cannot be looked into; the next steps will tell");
        return 0;
    }
    if (!t->manage_as_app) {
        (void)error_set(&e, "the token lacks Exchange.ManageAsApp: add it under API permissions > APIs my organization "
                            "uses > Office 365 Exchange Online > Application permissions, and grant admin consent");
        return bad(v, "application permission", &e);
    }
    good(v, "application permission", "Exchange.ManageAsApp");
    return 0;
}

/* ---- what may be read ---- */

/* Describes the first row of a probe. -1 with e when it isn't what a sync needs. */
static int doctor_look_at(const struct series *s, struct slice body, char *out, size_t cap, struct error *e)
{
    struct buf b = buf_over(out, cap);
    struct rows *rows;
    struct row *row;
    bool disabled;
    int more, said;

    if (rows_memory(body, kind_name(s->kind), &rows, e) != 0)
        return -1;
    more = rows_next(rows, &row, e);
    if (more > 0 && rows_columns(rows) != 0) {
        more = kind_check(s->kind, kind_name(s->kind), rows_columns(rows), e) == 0 ? 1 : -1;
        said = cell_bool(&row->cells[COLUMN_SMTP_AUTH_DISABLED], &disabled);
        if (more > 0 && s->kind == KIND_CAS_MAILBOX)
            buf_addf(&b, "for example %s, SmtpClientAuthenticationDisabled %s",
                     words(cell_text(&row->cells[COLUMN_PRIMARY])).text,
                     said < 0    ? "not understood"
                     : said == 0 ? "null (inherits)"
                     : disabled  ? "true"
                                 : "false");
        else if (more > 0 && s->kind == KIND_TRANSPORT_CONFIG)
            buf_addf(&b, "SmtpClientAuthenticationDisabled %s",
                     said != 1  ? "not understood"
                     : disabled ? "true"
                                : "false");
        else if (more > 0)
            buf_addf(&b, "may be read");
    } else if (more >= 0) {
        buf_addf(&b, "may be read; it has no rows");
    }
    rows_close(rows);
    return more < 0 ? -1 : 0;
}

/* 0: go on; -1: stop. */
static int step_read(struct visit *v, const struct fetch_row *row)
{
    const struct series *s = &row->series;
    char text[500];
    struct http_answer answer;
    enum exchange_result result;
    struct error e;

    result = s->graph_path != NULL
                 ? exchange_graph(&v->x, s->graph_path, NULL, s->permission, &answer, &e)
                 : exchange_invoke(&v->x, kind_name(s->kind), row->probe != NULL ? row->probe : s->parameters, NULL,
                                   s->permission, &answer, &e);
    if (result == EXCHANGE_OK && doctor_look_at(s, answer.body, text, sizeof text, &e) == 0) {
        good(v, kind_name(s->kind), "%s", text);
        return 0;
    }
    (void)bad(v, kind_name(s->kind), &e);
    if (result == EXCHANGE_FORBIDDEN && !row->decisive)
        fprintf(v->o->out, "      %-42s or leave \"%s\" out of exchange.fetch\n", "", kind_option(s->kind));
    return result == EXCHANGE_FAILED ? -1 : 0;
}

/* ---- what may be written ---- */

/* "Get-CASMailbox,Set-CASMailbox" */
static bool is_exported(struct slice list, const char *cmdlet)
{
    struct slice one;

    while (list.n > 0) {
        slice_cut(list, ',', &one, &list);
        if (slice_ieq(slice_trim(one), slice_of(cmdlet)))
            return true;
    }
    return false;
}

/* Nothing is written to find out. */
static void step_write(struct visit *v)
{
    struct http_answer answer;
    struct error e;
    enum exchange_result result = exchange_cmdlets(&v->x, &answer, &e);
    json_t *body = result == EXCHANGE_OK ? json_loadb(answer.body.p, answer.body.n, 0, NULL) : NULL;
    const json_t *exported = json_object_get(json_array_get(json_object_get(body, "value"), 0), "exportedCmdlets");
    struct slice list = {json_string_value(exported), json_string_length(exported)};

    if (list.n == 0) {
        fprintf(v->o->out, "?     %-42s not known beforehand%s%s; the first \"postern-mirror set\" shows it\n",
                "write-back", result != EXCHANGE_OK ? ": " : "", result != EXCHANGE_OK ? e.text : "");
    } else if (!is_exported(list, "Set-CASMailbox")) {
        (void)error_set(&e, "exchange.writeback = true, but the application may not use Set-CASMailbox; it needs %s",
                        WRITEBACK_NEEDS);
        (void)bad(v, "write-back", &e);
    } else {
        good(v, "write-back", "Set-CASMailbox may be used; Set-TransportConfig may%s",
             is_exported(list, "Set-TransportConfig") ? ", too" : " not, which only \"set --organization\" needs");
    }
    json_decref(body);
}

static void step_sign_ins(struct visit *v)
{
    enum exchange_result result;
    struct error e;

    if ((result = sign_ins_probe(&v->x, clock_wall_s(), &e)) == EXCHANGE_OK) {
        good(v, "sign-ins by SMTP AUTH", "may be read");
        return;
    }
    (void)bad(v, "sign-ins by SMTP AUTH", &e);
    if (result == EXCHANGE_FORBIDDEN)
        fprintf(v->o->out, "      %-42s or set exchange.sign_ins = false\n", "");
}

/* In order of dependence: whatever follows a failure would only fail, too. */
static void steps(struct visit *v)
{
    const char *const hosts[] = {v->x.hosts.login, v->x.hosts.exchange};

    if (step_files(v) != 0)
        return;
    for (size_t i = 0; i < 2; i++)
        if (step_host(v, hosts[i]) != 0)
            return;
    if (step_sign_in(v) != 0)
        return;
    for (size_t i = 0; i < fetch_rows_n; i++)
        if ((v->tenant->exchange.fetch & fetch_rows[i].bit) != 0 && !fetch_may_be_missing(&fetch_rows[i]) &&
            step_read(v, &fetch_rows[i]) != 0)
            return;
    if (v->tenant->exchange.sign_ins)
        step_sign_ins(v);
    if (v->tenant->exchange.writeback)
        step_write(v);
}

static unsigned visit(const struct doctor_options *o, const struct tenant_config *tenant)
{
    struct visit v = {.o = o, .tenant = tenant};
    struct exchange_options options = {o->config, tenant, NULL};
    struct http_options http = {.proxy = o->config->mirror_proxy};
    struct error e;

    fprintf(o->out, "%s (cloud %s)\n", tenant->name, cloud_name(tenant->exchange.cloud));
    if (exchange_open(&v.x, &options, &e) != 0) {
        (void)bad(&v, "preparation", &e);
    } else {
        http_proxy_name(&http, v.x.hosts.exchange, v.proxy, sizeof v.proxy);
        if (v.proxy[0] != '\0')
            good(&v, "proxy", "%s", v.proxy);
        steps(&v);
    }
    exchange_close(&v.x);
    fprintf(o->out,
            v.failed == 0 ? "%s: everything is in place for \"postern-mirror sync\"\n"
                          : "%s: not everything is in place; begin with the first FAIL above\n",
            tenant->name);
    return v.failed;
}

int doctor_run(const struct doctor_options *o, struct error *e)
{
    unsigned failed = 0, looked = 0;

    for (size_t i = 0; i < o->config->n_tenants; i++) {
        const struct tenant_config *tenant = &o->config->tenants[i];

        if (tenant->exchange.tenant_id == NULL || (o->tenant != NULL && strcmp(o->tenant, tenant->name) != 0))
            continue;
        looked++;
        failed += visit(o, tenant);
    }
    if (looked > 0)
        return failed > 0;
    return error_set(e, "no tenant%s%s in %s has exchange = { ... }; postern.conf(5) says how to set one up",
                     o->tenant != NULL ? " of the name " : "", o->tenant != NULL ? words(slice_of(o->tenant)).text : "",
                     o->config->file);
}
