/* The pages for people: one shell, one style sheet, one script, linked into the program by scripts/web-assets.sh. */
#ifndef POSTERN_WEB_ASSETS_H
#define POSTERN_WEB_ASSETS_H

#include "core/base/slice.h"

#include <event2/http.h>
#include <stdbool.h>

/* As made at build time. The path of all but the shell holds a hash of the content, so that it never changes. */
struct asset {
    const char *path; /* NULL: the shell, which is served at the path of each page */
    const char *type; /* Content-Type */
    const char *etag; /* with its quotes */
    const unsigned char *gzip;
    size_t n;
};

/* Ended by a row without a type. */
extern const struct asset web_assets[];

/* Replies, if path is that of a page or an asset; false: it is not. */
bool assets_serve(const struct asset *assets, struct slice path, struct evhttp_request *request);

#endif
