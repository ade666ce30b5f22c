#include "web/routes.h"

#include "web/api.h"
#include "web/live.h"
#include "web/look.h"
#include "web/stream.h"

static void serve_alive(struct web *web, struct evhttp_request *request)
{
    (void)web;
    answer_now(request, HTTP_OK, TYPE_JSON, SLICE("{\"alive\":true}\n"));
}

static void serve_events(struct web *web, struct evhttp_request *request)
{
    live_serve(web->live, request);
}

/* ---- made in a thread, but no data ---- */

static void make_ready(struct web *web, struct answer_text *out)
{
    look_ready(web->look, out);
}

static void make_metrics(struct web *web, struct answer_text *out)
{
    look_metrics(web->look, false, out);
}

static void make_open_metrics(struct web *web, struct answer_text *out)
{
    look_metrics(web->look, true, out);
}

/* For who accepts it, at the same path. */
static const struct route open_metrics = {"/metrics", ROLE_ANYBODY, .make_text = make_open_metrics};

static bool wants_open_metrics(const struct route *route, struct evhttp_request *request)
{
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(request), "Accept");

    return route->make_text == make_metrics &&
           slice_contains_icase(slice_of(accept), SLICE("application/openmetrics-text"));
}

/* ---- all ---- */

#define HOLDS_MS 5000

static const struct route routes[] = {
    {"/healthz", ROLE_ANYBODY, .serve = serve_alive},
    {"/readyz", ROLE_ANYBODY, .make_text = make_ready},
    {"/metrics", ROLE_ANYBODY, .make_text = make_metrics},
    {"/events", ROLE_READER, .serve = serve_events},
    {"/api/v1/overview", ROLE_READER, .make = page_overview, .holds_ms = HOLDS_MS},
    {"/api/v1/rates", ROLE_VIEWER, .make = page_rates, .holds_ms = 1000},
    {"/api/v1/status", ROLE_READER, .make = page_status, .holds_ms = HOLDS_MS},
    {"/api/v1/blocks", ROLE_READER, .make = page_blocks, .has_rows = true, .holds_ms = 1000},
    {"/api/v1/mailboxes", ROLE_READER, .make = page_mailboxes, .holds_ms = HOLDS_MS},
    {"/api/v1/mailboxes/", ROLE_READER, .make = page_mailbox, .holds_ms = 1000},
    {"/api/v1/connectors", ROLE_READER, .make = page_connectors, .holds_ms = 1000},
    {"/api/v1/explain", ROLE_READER, .make = page_explain},
    {"/api/v1/log", ROLE_READER, .make = page_log, .has_rows = true, .holds_ms = 1000},
    {"/api/v1/changes", ROLE_READER, .make = page_changes, .has_rows = true, .holds_ms = HOLDS_MS},
    {"/api/v1/runs", ROLE_READER, .make = page_runs, .has_rows = true, .slow = true, .holds_ms = HOLDS_MS},
    {"/api/v1/reports", ROLE_READER, .make = page_reports, .has_rows = true, .holds_ms = HOLDS_MS},
    {"/api/v1/reports/", ROLE_READER, .make = page_report, .has_rows = true, .slow = true, .holds_ms = HOLDS_MS},
    {"/api/v1/audit", ROLE_READER, .make = page_audit, .slow = true, .holds_ms = HOLDS_MS},
    {"/api/v1/config", ROLE_READER, .make = page_config, .holds_ms = HOLDS_MS},
};

void routes_make(void *arg, const void *what, struct slice target, struct answer_text *out)
{
    struct web *web = arg;
    const struct route *route = what;

    if (route->make_text != NULL)
        route->make_text(web, out);
    else
        api_make(web, route, target, out);
}

static bool is_route(const struct route *route, struct slice path)
{
    struct slice own = slice_of(route->path);

    return route_takes_rest(route) ? path.n > own.n && slice_starts_with(path, own) : slice_eq(path, own);
}

/* Until there are accounts, whoever the UNIX socket lets in may read everything. */
static enum role role_of(struct evhttp_request *request)
{
    (void)request;
    return ROLE_ADMIN;
}

static void serve(struct web *web, const struct route *route, struct evhttp_request *request)
{
    if (evhttp_request_get_command(request) == EVHTTP_REQ_POST) {
        (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
        answer_now(request, HTTP_BADMETHOD, TYPE_TEXT, SLICE("this is only read, by GET or HEAD\n"));
    } else if (role_of(request) < route->least) {
        answer_now(request, 403, TYPE_JSON, SLICE("{\"error\": \"this is not for you\"}\n"));
    } else if (route->serve != NULL) {
        route->serve(web, request);
    } else if (route->has_rows && stream_wanted(slice_of(evhttp_request_get_uri(request)))) {
        stream_serve(web->streams, route, request);
    } else {
        if (wants_open_metrics(route, request))
            route = &open_metrics;
        answers_serve(route->slow ? web->slow : web->quick, request, route, route->holds_ms);
    }
}

/* The pages hold nothing of anybody: what they show they ask for, and are told who may have it. */
static bool serve_page(const struct web *web, struct slice path, struct evhttp_request *request)
{
    return evhttp_request_get_command(request) != EVHTTP_REQ_POST && assets_serve(web->assets, path, request);
}

void routes_serve(void *arg, struct evhttp_request *request)
{
    struct slice path;

    (void)slice_cut(slice_of(evhttp_request_get_uri(request)), '?', &path, NULL);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (is_route(&routes[i], path)) {
            serve(arg, &routes[i], request);
            return;
        }
    if (!serve_page(arg, path, request))
        answer_now(request, HTTP_NOTFOUND, TYPE_TEXT, SLICE("there is no such page\n"));
}
