/*
 * Where the token may be sent. A link in an answer is followed only over https, to the configured host or a name under
 * it, on the same port and below the same path.
 */
#ifndef POSTERN_MIRROR_ORIGIN_H
#define POSTERN_MIRROR_ORIGIN_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <curl/curl.h>

#define LINK_MAX_BYTES 16384u

struct origin {
    char host[256]; /* lower case, no port */
    char port[8];   /* "443" */
    char path[256]; /* "/adminapi/beta/7a5d.../", lower case; a link's path must begin with it, in any case */
    bool name;      /* the host is a name, not an address, so there can be names under it */
};

/* host: "outlook.office365.com" or "localhost:8443", checked by the configuration. 0, or -1 with e. */
int origin_make(struct origin *o, const char *host, const char *path, struct error *e);

/*
 * Checks the link. NULL with e when it leads elsewhere or is ambiguous; otherwise the URL as libcurl has parsed it, to
 * be requested as it is and freed by the caller with curl_url_cleanup.
 */
CURLU *origin_judge(const struct origin *o, struct slice link, struct error *e);

#endif
