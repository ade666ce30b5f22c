#include "web/assets.h"

#include "web/answers.h"
#include "web/server.h"

#include <event2/buffer.h>

/* Where the shell is served: its script shows what the path says. One that ends with a slash: one name follows. */
static const char *const pages[] = {"/",        "/blocks",  "/mailboxes", "/mailbox", "/connector",
                                    "/explain", "/reports", "/reports/",  "/audit",   "/system"};

static bool is_page(struct slice path)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct slice page = slice_of(pages[i]);
        bool takes_name = page.n > 1 && page.p[page.n - 1] == '/';

        if (takes_name ? path.n > page.n && slice_starts_with(path, page) : slice_eq(path, page))
            return true;
    }
    return false;
}

static const struct asset *find(const struct asset *assets, struct slice path)
{
    bool page = is_page(path);

    for (; assets->type != NULL; assets++)
        if (assets->path == NULL ? page : slice_eq(path, slice_of(assets->path)))
            return assets;
    return NULL;
}

static void reply(struct evhttp_request *request, const struct asset *asset)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    const char *known = evhttp_find_header(evhttp_request_get_input_headers(request), "If-None-Match");
    bool fresh = known != NULL && slice_contains_icase(slice_of(known), slice_of(asset->etag));
    struct evbuffer *body = evbuffer_new();

    (void)evhttp_add_header(headers, "ETag", asset->etag);
    (void)evhttp_add_header(headers, "Cache-Control",
                            asset->path != NULL ? "public, max-age=31536000, immutable" : "no-cache");
    if (body == NULL || (!fresh && (evhttp_add_header(headers, "Content-Encoding", "gzip") != 0 ||
                                    evbuffer_add_reference(body, asset->gzip, asset->n, NULL, NULL) != 0)))
        evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
    else
        server_reply(request, fresh ? HTTP_NOTMODIFIED : HTTP_OK, fresh ? "Not Modified" : "OK", asset->type, body);
    if (body != NULL)
        evbuffer_free(body);
}

bool assets_serve(const struct asset *assets, struct slice path, struct evhttp_request *request)
{
    const struct asset *asset = find(assets, path);

    if (asset == NULL)
        return false;
    reply(request, asset);
    return true;
}
