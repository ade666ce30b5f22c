#include "web/routes.h"

#include <string.h>

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"
/* https://prometheus.io/docs/instrumenting/exposition_formats/, and OpenMetrics 1.0, "Text format". */
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPEN_METRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

static void reply(struct evhttp_request *request, int status, const char *phrase, const char *type, struct slice text)
{
    struct evbuffer *body = evbuffer_new();

    if (body == NULL || evbuffer_add(body, text.p, text.n) != 0)
        evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
    else
        server_reply(request, status, phrase, type, body);
    if (body != NULL)
        evbuffer_free(body);
}

static void no_memory(struct evhttp_request *request)
{
    reply(request, HTTP_SERVUNAVAIL, "Service Unavailable", TYPE_TEXT, SLICE("out of memory\n"));
}

/* ---- health ---- */

static void serve_alive(struct look *look, struct evhttp_request *request)
{
    (void)look;
    reply(request, HTTP_OK, "OK", TYPE_JSON, SLICE("{\"alive\":true}\n"));
}

/* Nothing of why: that is for people, by "postern status". What is not known is not ready. */
static void tell_ready(void *arg, const struct sight *sight)
{
    if (sight->ready)
        reply(arg, HTTP_OK, "OK", TYPE_JSON, SLICE("{\"ready\":true}\n"));
    else
        reply(arg, HTTP_SERVUNAVAIL, "Service Unavailable", TYPE_JSON, SLICE("{\"ready\":false}\n"));
}

static void serve_ready(struct look *look, struct evhttp_request *request)
{
    if (look_ask(look, tell_ready, request) != 0)
        no_memory(request);
}

/* ---- metrics ---- */

static bool wants_open(struct evhttp_request *request)
{
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(request), "Accept");

    return slice_contains_icase(slice_of(accept), SLICE("application/openmetrics-text"));
}

static void tell_metrics(void *arg, const struct sight *sight)
{
    bool open = wants_open(arg);
    struct slice text = open ? (struct slice){sight->open_metrics, sight->n_open_metrics}
                             : (struct slice){sight->metrics, sight->n_metrics};

    if (text.p == NULL)
        reply(arg, HTTP_SERVUNAVAIL, "Service Unavailable", TYPE_TEXT,
              SLICE("there is nothing to read; the log of postern-web says why\n"));
    else
        reply(arg, HTTP_OK, "OK", open ? TYPE_OPEN_METRICS : TYPE_METRICS, text);
}

static void serve_metrics(struct look *look, struct evhttp_request *request)
{
    if (look_ask(look, tell_metrics, request) != 0)
        no_memory(request);
}

/* ---- all ---- */

static const struct route {
    const char *path;
    void (*serve)(struct look *look, struct evhttp_request *request);
} routes[] = {
    {"/healthz", serve_alive},
    {"/readyz", serve_ready},
    {"/metrics", serve_metrics},
};

void routes_serve(void *arg, struct evhttp_request *request)
{
    struct slice path;

    (void)slice_cut(slice_of(evhttp_request_get_uri(request)), '?', &path, NULL);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!slice_eq(path, slice_of(routes[i].path)))
            continue;
        if (evhttp_request_get_command(request) != EVHTTP_REQ_POST) {
            routes[i].serve(arg, request);
            return;
        }
        (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
        reply(request, HTTP_BADMETHOD, "Method Not Allowed", TYPE_TEXT, SLICE("this is only read, by GET or HEAD\n"));
        return;
    }
    reply(request, HTTP_NOTFOUND, "Not Found", TYPE_TEXT, SLICE("there is no such page\n"));
}
