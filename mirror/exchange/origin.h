/*
 * Where the token may be sent. A link in an answer is followed only to the very host that was configured, or to a
 * name under it, over https, on the same port, below the same path; never anywhere else.
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
    char path[256]; /* "/adminapi/beta/7a5d.../", lower case: what a link's path begins with, in any case */
    bool name;      /* the host is a name, not an address, so that there can be names under it */
};

/* host: "outlook.office365.com" or "localhost:8443", as the configuration lets through. 0, or -1 with e. */
int origin_make(struct origin *o, const char *host, const char *path, struct error *e);

/*
 * Judges the link. NULL with e when it leads elsewhere or has a form that could be understood in more than one way;
 * otherwise the address as libcurl itself has understood it, to be requested as it is: curl_url_cleanup is the
 * caller's.
 */
CURLU *origin_judge(const struct origin *o, struct slice link, struct error *e);

#endif
