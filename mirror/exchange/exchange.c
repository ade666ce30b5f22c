#include "mirror/exchange/exchange.h"

#include "core/base/clock.h"
#include "mirror/exchange/jwt.h"
#include "mirror/exchange/service_error.h"
#include "mirror/words.h"

#include <stdlib.h>

#define BODY_MAX 8192
#define HEADERS_MAX 12
#define HEADER_TEXT (TOKEN_MAX + 64u)

/* The system mailbox to which the vendor's module anchors an application's requests. */
#define ANCHOR_STANDARD "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@"

int exchange_open(struct exchange *x, const struct exchange_options *options, struct error *e)
{
    const struct exchange_config *c = &options->tenant->exchange;
    const struct config *config = options->config;
    struct http_options http = {.ca_file = c->ca_file,
                                .ca_setting = "exchange.ca_file",
                                .proxy = config->mirror_proxy,
                                .stall_timeout_s = config->mirror_stall_timeout_s};
    struct buf url = BUF_OVER(x->url), anchor = BUF_OVER(x->anchor), connection = BUF_OVER(x->connection_id);
    char guid[GUID_TEXT_MAX], path[128], proxy[300];
    struct buf base = BUF_OVER(path);

    cloud_hosts(c, &x->hosts);
    x->page_size = config->mirror_page_size;
    x->signin = (struct signin){&x->session, c, &x->hosts, {getenv("CREDENTIALS_DIRECTORY"), config->file}};
    buf_addf(&base, "/adminapi/beta/%s/", c->tenant_id);
    buf_addf(&url, "https://%s%sInvokeCommand", x->hosts.exchange, path);
    buf_addf(&anchor, "X-AnchorMailbox: %s%s", c->anchor_mailbox != NULL ? c->anchor_mailbox : ANCHOR_STANDARD,
             c->anchor_mailbox != NULL ? "" : c->tenant_id);
    if (!guid_make(guid))
        return error_set(e, "the system gives no random numbers");
    buf_addf(&connection, "connection-id: %s", guid);
    if (origin_make(&x->origin, x->hosts.exchange, path, e) != 0 ||
        origin_make(&x->audit_logs, x->hosts.graph, GRAPH_AUDIT_LOGS, e) != 0 ||
        session_open(&x->session, &http, config->mirror_deadline_s, options->log, options->tenant->name, e) != 0)
        return -1;
    http_proxy_name(&http, x->hosts.exchange, proxy, sizeof proxy);
    if (proxy[0] != '\0')
        session_say(&x->session, "requests go through the proxy %s", proxy);
    return 0;
}

void exchange_close(struct exchange *x)
{
    token_clear(&x->token);
    token_clear(&x->graph_token);
    session_close(&x->session);
}

/* ---- tokens ---- */

static enum token_result fresh_token(struct exchange *x, struct token *token, const char *scope, struct error *e)
{
    if (token->text != NULL && clock_boot_ns() < token->renew_ns)
        return TOKEN_OK;
    return token_get(&x->signin, scope, token, e);
}

enum token_result exchange_sign_in(struct exchange *x, struct error *e)
{
    return fresh_token(x, &x->token, x->hosts.exchange_scope, e);
}

/* ---- requests ---- */

/* The bearer line is on the heap and wiped, so that no copy of the token outlives the request. */
struct request_headers {
    char *bearer;
    char request_id[64], prefer[64], cmdlet[128];
    const char *lines[HEADERS_MAX];
    size_t n;
};

static int begin_headers(struct request_headers *h, const struct token *token, struct error *e)
{
    struct buf b, id = BUF_OVER(h->request_id);
    char guid[GUID_TEXT_MAX];

    *h = (struct request_headers){.bearer = malloc(HEADER_TEXT)};
    if (h->bearer == NULL || !guid_make(guid))
        return error_set(e, "no memory, or no random numbers, for a request");
    b = buf_over(h->bearer, HEADER_TEXT);
    buf_addf(&b, "Authorization: Bearer ");
    buf_add(&b, slice_of(token->text));
    buf_addf(&id, "client-request-id: %s", guid);
    h->lines[h->n++] = h->bearer;
    h->lines[h->n++] = h->request_id;
    h->lines[h->n++] = "Accept: application/json";
    return 0;
}

static void end_headers(struct request_headers *h)
{
    if (h->bearer != NULL)
        explicit_bzero(h->bearer, HEADER_TEXT);
    free(h->bearer);
    h->bearer = NULL;
}

static const char *request_name(const struct request_headers *h)
{
    return strchr(h->request_id, ' ') + 1;
}

/* `. The service says: "..."`, or nothing. */
struct said {
    char text[2 * QUOTE_MAX_BYTES + 32];
};
static struct said said_by_service(const struct http_answer *answer)
{
    char text[2 * QUOTE_MAX_BYTES];
    struct said said = {""};
    struct buf b = BUF_OVER(said.text);

    service_error_text(answer->body, text, sizeof text);
    if (text[0] == '\0' && answer->diagnostics[0] != '\0')
        service_error_text(slice_of(answer->diagnostics), text, sizeof text);
    if (text[0] != '\0')
        buf_addf(&b, ". The service says: \"%s\"", text);
    return said;
}

static int forbidden(const char *what, const char *needs, const struct http_answer *answer, struct error *e)
{
    return error_set(e, "%s: the application may not use it (HTTP %ld); it needs %s%s", what, answer->status, needs,
                     said_by_service(answer).text);
}

static bool is_page(const struct http_answer *answer)
{
    return service_error_page(slice_of(answer->content_type), answer->body);
}

static int other_status(const char *what, const struct http_answer *answer, const char *id, struct error *e)
{
    char said[2 * QUOTE_MAX_BYTES];

    service_error_text(answer->body, said, sizeof said);
    if (answer->status >= 300 && answer->status < 400)
        return error_set(e,
                         "%s: a redirect to \"%s\" (HTTP %ld) is not followed, since the token would go there: check "
                         "exchange.cloud, hosts and the proxy",
                         what, words(slice_of(answer->location)).text, answer->status);
    return error_set(e, "%s: HTTP %ld%s%s%s (request %s)", what, answer->status, said[0] != '\0' ? ": \"" : "", said,
                     said[0] != '\0' ? "\"" : "", id);
}

/* Of status 200. */
static enum exchange_result judge_body(const char *what, const struct http_answer *answer, struct error *e)
{
    struct slice type = slice_of(answer->content_type);

    slice_cut(type, ';', &type, NULL);
    if (!slice_ieq(slice_trim(type), SLICE("application/json"))) {
        (void)error_set(e,
                        "%s: the answer is not JSON but \"%s\": something on the way (a proxy, a captive portal) may "
                        "have answered in the service's place",
                        what, words(slice_of(answer->content_type)).text);
        return EXCHANGE_FAILED;
    }
    if (answer->body.n > 0)
        return EXCHANGE_OK;
    (void)error_set(e, "%s: the answer is empty", what);
    return EXCHANGE_UNABLE;
}

/* Statuses other than 200. 401 is EXCHANGE_FAILED; the caller may try another token. */
static enum exchange_result judge_status(const char *what, const char *needs, const struct http_answer *answer,
                                         const char *id, struct error *e)
{
    if (answer->status >= 400 && is_page(answer)) {
        (void)service_error_elsewhere(what, "Exchange Online", answer->status, slice_of(answer->content_type), e);
        return EXCHANGE_FAILED;
    }
    if (answer->status == 403 && service_error_licence(answer->body)) {
        (void)error_set(e,
                        "%s: the service says that the tenant has no Entra ID P1 or P2, which this needs. Where it has "
                        "one, the application lacks Directory.Read.All, without which the service looks the licence up "
                        "in vain at times%s",
                        what, said_by_service(answer).text);
        return EXCHANGE_FORBIDDEN;
    }
    if (answer->status == 403 || (answer->status == 401 && service_error_role(answer->body))) {
        (void)forbidden(what, needs, answer, e);
        return EXCHANGE_FORBIDDEN;
    }
    (void)other_status(what, answer, id, e);
    if (answer->status == 400 && service_error_expired(answer->body))
        return EXCHANGE_EXPIRED;
    if (answer->status == 404)
        return EXCHANGE_NOT_FOUND;
    return answer->status < 300 || answer->status == 400 || answer->status == 405 ? EXCHANGE_UNABLE : EXCHANGE_FAILED;
}

static enum exchange_result judge_answer(const char *what, const char *needs, const struct http_answer *answer,
                                         const char *id, struct error *e)
{
    if (answer->status == 200)
        return judge_body(what, answer, e);
    return judge_status(what, needs, answer, id, e);
}

/* A request, to be sent again with a new token if the first one is rejected. */
struct ask {
    const char *what, *needs;
    struct token *token;
    const char *scope;
    const char *url;
    CURLU *link;
    struct slice body;       /* p NULL: a GET */
    const char *const *more; /* headers beside the common ones */
};

static enum exchange_result ask_once(struct exchange *x, const struct ask *a, struct http_answer *answer,
                                     struct error *e)
{
    struct http_request request = {.url = a->link == NULL ? a->url : NULL, .parsed = a->link, .body = a->body};
    enum token_result token = fresh_token(x, a->token, a->scope, e);
    enum exchange_result result = EXCHANGE_FAILED;
    struct request_headers h;

    if (token != TOKEN_OK) {
        (void)error_prefix(e, "%s", a->what);
        return token == TOKEN_FORBIDDEN ? EXCHANGE_FORBIDDEN : EXCHANGE_FAILED;
    }
    if (begin_headers(&h, a->token, e) == 0) {
        for (size_t i = 0; a->more[i] != NULL && h.n + 1 < HEADERS_MAX; i++)
            h.lines[h.n++] = a->more[i];
        request.headers = h.lines;
        if (session_do(&x->session, a->what, &request, answer, e) == 0)
            result = judge_answer(a->what, a->needs, answer, request_name(&h), e);
        else if (answer->failure != FAILURE_THROTTLED &&
                 (answer->status >= 500 || (answer->status >= 200 && answer->status < 300)))
            result = EXCHANGE_UNABLE; /* the service failed each time, or the body was never complete */
    }
    end_headers(&h);
    return result;
}

static enum exchange_result exchange_ask(struct exchange *x, const struct ask *a, struct http_answer *answer,
                                         struct error *e)
{
    enum exchange_result result;

    *answer = (struct http_answer){0};
    result = ask_once(x, a, answer, e);
    if (result == EXCHANGE_FAILED && answer->status == 401) {
        session_say(&x->session, "%s: the service no longer takes the token (HTTP 401); signing in again", a->what);
        token_clear(a->token);
        *answer = (struct http_answer){0};
        result = ask_once(x, a, answer, e);
    }
    return result;
}

enum exchange_result exchange_invoke(struct exchange *x, const char *cmdlet, const char *parameters, CURLU *link,
                                     const char *needs, struct http_answer *answer, struct error *e)
{
    char text[BODY_MAX], prefer[64], name[128];
    struct buf body = BUF_OVER(text), p = BUF_OVER(prefer), n = BUF_OVER(name);
    const char *const more[] = {"Content-Type: application/json", x->anchor, x->connection_id, prefer, name, NULL};
    struct ask a = {.what = cmdlet,
                    .needs = needs,
                    .token = &x->token,
                    .scope = x->hosts.exchange_scope,
                    .url = x->url,
                    .link = link,
                    .more = more};
    enum exchange_result result;

    buf_addf(&p, "Prefer: odata.maxpagesize=%u", x->page_size);
    buf_addf(&n, "X-CmdletName: %s", cmdlet);
    buf_addf(&body, "{\"CmdletInput\":{\"CmdletName\":\"%s\",\"Parameters\":%s}}", cmdlet, parameters);
    if (body.full) {
        (void)error_set(e, "%s: its parameters are too long", cmdlet);
        return EXCHANGE_FAILED;
    }
    a.body = buf_slice(&body);
    result = exchange_ask(x, &a, answer, e);
    if (result == EXCHANGE_FAILED && answer->status == 401 && !is_page(answer))
        (void)error_set(e,
                        "%s: HTTP 401 with a new token: the application lacks the permission Exchange.ManageAsApp of "
                        "\"Office 365 Exchange Online\", or an administrator's consent to it%s",
                        cmdlet, said_by_service(answer).text);
    return result;
}

enum exchange_result exchange_graph(struct exchange *x, const char *path, CURLU *link, const char *needs,
                                    struct http_answer *answer, struct error *e)
{
    static const char *const more[] = {NULL};
    char text[1024];
    struct buf url = BUF_OVER(text);
    struct ask a = {.what = "Microsoft Graph",
                    .needs = needs,
                    .token = &x->graph_token,
                    .scope = x->hosts.graph_scope,
                    .url = text,
                    .link = link,
                    .more = more};
    enum exchange_result result;

    buf_addf(&url, "https://%s%s", x->hosts.graph, path);
    if (url.full) {
        (void)error_set(e, "Microsoft Graph: too long an address");
        return EXCHANGE_FAILED;
    }
    result = exchange_ask(x, &a, answer, e);
    if (result == EXCHANGE_FAILED && answer->status == 401 && !is_page(answer)) {
        (void)error_set(e, "Microsoft Graph: HTTP 401 with a new token: the application needs %s%s", needs,
                        said_by_service(answer).text);
        return EXCHANGE_FORBIDDEN;
    }
    return result;
}

#define MODULE_VERSION "3.9.2" /* of the module whose list of cmdlets it is */

enum exchange_result exchange_cmdlets(struct exchange *x, struct http_answer *answer, struct error *e)
{
    const char *const more[] = {"CommandName: *", x->anchor, x->connection_id, NULL};
    char text[600];
    struct buf url = BUF_OVER(text);
    struct ask a = {.what = "the list of cmdlets",
                    .needs = "a role in Exchange Online",
                    .token = &x->token,
                    .scope = x->hosts.exchange_scope,
                    .url = text,
                    .more = more};

    buf_addf(&url, "https://%s/adminapi/v1.0/%s/EXOModuleFile?Version=" MODULE_VERSION, x->hosts.exchange,
             x->signin.exchange->tenant_id);
    return exchange_ask(x, &a, answer, e);
}
