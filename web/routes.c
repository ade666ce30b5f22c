#include "web/routes.h"

#include "web/api.h"
#include "web/live.h"
#include "web/look.h"
#include "web/stream.h"

static void serve_alive(struct web *web, const struct who *who, struct evhttp_request *request)
{
    (void)web;
    (void)who;
    answer_now(request, HTTP_OK, TYPE_JSON, SLICE("{\"alive\":true}\n"));
}

static void serve_events(struct web *web, const struct who *who, struct evhttp_request *request)
{
    live_serve(web->live, &web->access, who, request);
}

static void serve_login(struct web *web, const struct who *who, struct evhttp_request *request)
{
    sign_in_serve(web->sign_in, who, request);
}

static void serve_logout(struct web *web, const struct who *who, struct evhttp_request *request)
{
    struct refused refused;

    if (access_change(who, request, &refused) != 0)
        answer_error(request, refused.status, refused.text);
    else
        sign_in_serve_out(web->sign_in, who, request);
}

static void serve_me(struct web *web, const struct who *who, struct evhttp_request *request)
{
    sign_in_serve_me(web->sign_in, who, request);
}

static void serve_act(struct web *web, const struct who *who, struct evhttp_request *request)
{
    acts_serve(web->acts, who, request);
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

/* Each row says who may have it: without a role and a reach it is no row. */
#define ROUTE(at, role, of_tenants, ...)                                                                               \
    {                                                                                                                  \
        .path = (at), .least = (role), .reach = (of_tenants), __VA_ARGS__                                              \
    }

/* For who accepts it, at the same path. */
static const struct route open_metrics = ROUTE("/metrics", ROLE_METRICS, REACH_NONE, .make_text = make_open_metrics);

static bool wants_open_metrics(const struct route *route, struct evhttp_request *request)
{
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(request), "Accept");

    return route->make_text == make_metrics &&
           slice_contains_icase(slice_of(accept), SLICE("application/openmetrics-text"));
}

/* ---- all ---- */

#define HOLDS_MS 5000
/* It goes through a day of the journal. */
#define NETWORKS_HOLD_MS 60000

static const struct route routes[] = {
    ROUTE("/healthz", ROLE_ANYBODY, REACH_ANY, .serve = serve_alive, .tcp = true),
    ROUTE("/readyz", ROLE_METRICS, REACH_ANY, .make_text = make_ready, .tcp = true),
    ROUTE("/metrics", ROLE_METRICS, REACH_NONE, .make_text = make_metrics, .tcp = true),
    ROUTE("/api/v1/login", ROLE_ANYBODY, REACH_ANY, .serve = serve_login, .changes = true),
    ROUTE("/api/v1/logout", ROLE_VIEWER, REACH_ANY, .serve = serve_logout, .changes = true),
    ROUTE("/api/v1/me", ROLE_VIEWER, REACH_ANY, .serve = serve_me),
    ROUTE("/events", ROLE_READER, REACH_NONE, .serve = serve_events),
    ROUTE("/api/v1/overview", ROLE_VIEWER, REACH_MADE, .make = page_overview, .holds_ms = 1000),
    ROUTE("/api/v1/mode", ROLE_VIEWER, REACH_MADE, .make = page_mode, .holds_ms = 1000),
    ROUTE("/api/v1/networks", ROLE_READER, REACH_OWN, .make = page_networks, .has_rows = true, .slow = true,
          .holds_ms = NETWORKS_HOLD_MS),
    ROUTE("/api/v1/rates", ROLE_VIEWER, REACH_NONE, .make = page_rates, .holds_ms = 1000),
    ROUTE("/api/v1/status", ROLE_READER, REACH_MADE, .make = page_status, .holds_ms = 1000),
    ROUTE("/api/v1/cluster", ROLE_READER, REACH_NONE, .make = page_cluster, .holds_ms = 1000),
    ROUTE("/api/v1/blocks", ROLE_READER, REACH_OWN, .make = page_blocks, .has_rows = true, .holds_ms = 1000),
    ROUTE("/api/v1/blocks/ended", ROLE_READER, REACH_OWN, .make = page_ended_blocks, .has_rows = true, .slow = true,
          .holds_ms = 1000),
    ROUTE("/api/v1/mailboxes", ROLE_READER, REACH_OWN, .make = page_mailboxes, .holds_ms = HOLDS_MS),
    ROUTE("/api/v1/mailboxes/", ROLE_READER, REACH_OWN, .make = page_mailbox, .holds_ms = 1000),
    ROUTE("/api/v1/connectors", ROLE_READER, REACH_MADE, .make = page_connectors, .holds_ms = 1000),
    ROUTE("/api/v1/explain", ROLE_READER, REACH_NONE, .make = page_explain, .narrows = true),
    ROUTE("/api/v1/log", ROLE_READER, REACH_OWN, .make = page_log, .has_rows = true, .holds_ms = 1000),
    ROUTE("/api/v1/changes", ROLE_READER, REACH_OWN, .make = page_changes, .has_rows = true, .holds_ms = HOLDS_MS),
    ROUTE("/api/v1/runs", ROLE_READER, REACH_OWN, .make = page_runs, .has_rows = true, .slow = true,
          .holds_ms = HOLDS_MS),
    ROUTE("/api/v1/reports", ROLE_READER, REACH_ANY, .make = page_reports, .has_rows = true, .holds_ms = HOLDS_MS),
    ROUTE("/api/v1/reports/", ROLE_READER, REACH_OWN, .make = page_report, .has_rows = true, .slow = true,
          .holds_ms = HOLDS_MS),
    ROUTE("/api/v1/verbs", ROLE_READER, REACH_ANY, .make = page_verbs, .holds_ms = HOLDS_MS),
    ROUTE("/api/v1/actions", ROLE_READER, REACH_OWN, .make = page_actions, .has_rows = true),
    ROUTE("/api/v1/actions", ROLE_OPERATOR, REACH_ANY, .serve = serve_act, .changes = true),
    ROUTE("/api/v1/actions/", ROLE_READER, REACH_OWN, .make = page_action),
    ROUTE("/api/v1/audit", ROLE_READER, REACH_NONE, .make = page_audit, .slow = true, .holds_ms = HOLDS_MS),
    ROUTE("/api/v1/check-postfix", ROLE_READER, REACH_NONE, .make = page_check_postfix, .holds_ms = 1000),
    ROUTE("/api/v1/config", ROLE_READER, REACH_NONE, .make = page_config, .holds_ms = HOLDS_MS),
};

void routes_make(void *arg, const void *what, struct slice scope, struct slice target, struct answer_text *out)
{
    struct web *web = arg;
    const struct route *route = what;

    if (route->make_text != NULL)
        route->make_text(web, out);
    else
        api_make(web, route, scope, target, out);
}

static bool is_route(const struct route *route, struct slice path)
{
    struct slice own = slice_of(route->path);

    return route_takes_rest(route) ? path.n > own.n && slice_starts_with(path, own) : slice_eq(path, own);
}

static bool is_method(const struct route *route, struct evhttp_request *request)
{
    return (evhttp_request_get_command(request) == EVHTTP_REQ_POST) == route->changes;
}

static bool has_method(const struct route *route, struct evhttp_request *request)
{
    if (is_method(route, request))
        return true;
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", route->changes ? "POST" : "GET, HEAD");
    answer_error(request, HTTP_BADMETHOD,
                 route->changes ? "this is a change, by POST" : "this is only read, by GET or HEAD");
    return false;
}

/* Whoever asks, may they have it? Otherwise the reply is there. */
static bool may_have(struct web *web, const struct route *route, struct evhttp_request *request, struct who *who)
{
    struct refused refused;

    if (access_who(&web->access, request, who, &refused) != 0)
        answer_error(request, refused.status, refused.text);
    else if (who->way == WAY_NONE && (route->least > ROLE_ANYBODY || !who->is_unix))
        answer_error(request, 401, "who are you? Sign in, or bring a token");
    else if (who->role < route->least)
        answer_error(request, 403, "your role may not have this");
    else if (who->role >= ROLE_READER && route->reach == REACH_NONE && !scope_is_all(slice_of(who->scope)))
        answer_error(request, 403, "this tells no tenants apart, so it is for those who see all of them");
    else
        return true;
    return false;
}

static void serve(struct web *web, const struct route *route, struct evhttp_request *request)
{
    struct who who;
    struct slice scope;

    if (!has_method(route, request) || !may_have(web, route, request, &who))
        return;
    scope = slice_of(who.scope);
    if (route->serve != NULL) {
        route->serve(web, &who, request);
    } else if (route->has_rows && stream_wanted(slice_of(evhttp_request_get_uri(request)))) {
        stream_serve(web->streams, route, &who, request);
    } else {
        if (wants_open_metrics(route, request))
            route = &open_metrics;
        /* What is the same for all is made once. */
        if (route->make == NULL)
            scope = SLICE(SCOPE_ALL);
        answers_serve(route->slow ? web->slow : web->quick, request, route, scope, route->holds_ms);
    }
}

/* The pages hold nothing of anybody: what they show they ask for, and are told who may have it. */
static bool serve_page(const struct web *web, struct slice path, struct evhttp_request *request)
{
    return evhttp_request_get_command(request) != EVHTTP_REQ_POST && assets_serve(web->assets, path, request);
}

void routes_serve(void *arg, struct evhttp_request *request)
{
    char peer[PEER_TEXT_MAX];
    bool is_unix = server_is_unix(request, peer);
    const struct route *found = NULL;
    struct slice path;

    (void)slice_cut(slice_of(evhttp_request_get_uri(request)), '?', &path, NULL);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (is_route(&routes[i], path) && (is_unix || routes[i].tcp) &&
            (found == NULL || is_method(&routes[i], request)))
            found = &routes[i];
    if (found != NULL)
        serve(arg, found, request);
    else if (slice_starts_with(path, SLICE("/api/")))
        answer_error(request, HTTP_NOTFOUND, "there is no such path");
    else if (!is_unix || !serve_page(arg, path, request))
        answer_now(request, HTTP_NOTFOUND, TYPE_TEXT, SLICE("there is no such page\n"));
}
