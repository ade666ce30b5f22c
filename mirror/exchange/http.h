/*
 * HTTPS requests, one connection reused: certificates always verified, TLS 1.2 at least, no redirects, no netrc, no
 * other protocol, answers bounded in size (as decompressed) and time. Nothing of a request is ever logged.
 */
#ifndef POSTERN_MIRROR_HTTP_H
#define POSTERN_MIRROR_HTTP_H

#include "core/base/error.h"
#include "core/base/slice.h"
#include "mirror/exchange/retry.h"

#include <curl/curl.h>

#define HTTP_ANSWER_MAX ((size_t)64 << 20) /* bytes of a body */

struct http;

struct http_options {
    const char *ca_file;      /* NULL: the system's authorities */
    const char *ca_setting;   /* what the configuration calls it, for errors */
    const char *proxy;        /* NULL: from the environment; "": none */
    uint64_t stall_timeout_s; /* how long fewer than HTTP_SLOW_BYTES a second are tolerated */
};
#define HTTP_SLOW_BYTES 512

/* 0, or -1 with e. Free with http_close, NULL is fine. */
int http_open(const struct http_options *options, struct http **out, struct error *e);
void http_close(struct http *http);

struct http_answer;
/* Takes bytes of a body as they come, with what of the answer came before them. False: no more; e says why. */
typedef bool http_take(void *arg, const struct http_answer *so_far, struct slice bytes, struct error *e);

struct http_request {
    const char *url; /* NULL: `parsed` instead */
    CURLU *parsed;
    const char *const *headers; /* "Name: value", ended by NULL */
    struct slice body;          /* POST; p NULL: GET */
    size_t body_max;            /* 0: HTTP_ANSWER_MAX */
    uint64_t timeout_ms;        /* for the whole request; at least 1 */
    bool uncompressed;          /* not to be compressed on the way, so that its length is known */
    http_take *take;            /* NULL: the answer has the body. Else of 200 and 206 (RFC 9110 15.3.7) it gets it */
    void *take_arg;
    const uint64_t *from; /* NULL, or how many bytes are there already: read anew at each try (Range) */
};

struct http_answer {
    long status;
    struct slice body; /* lives until the next request */
    uint64_t taken;    /* bytes that the request's own taker got */
    char content_type[128];
    uint64_t retry_after_s; /* Retry-After (RFC 9110 10.2.3), a date as seconds from now; 0: none, or past */
    char request_id[64];
    char diagnostics[512]; /* x-ms-diagnostics */
    char location[256];
    char etag[128], content_range[64], content_encoding[32];
    char protocol[16]; /* "HTTP/2" */
    char address[64];  /* of the peer or the proxy; "": no connection */
    bool unresolved;   /* the name of the host or the proxy was not found */
    enum failure failure;
};

/* 0: a complete answer, whatever its status. -1: none; e says why, and answer->failure whether another try may help. */
int http_do(struct http *http, const struct http_request *request, struct http_answer *answer, struct error *e);

/* The proxy for requests to https://host: "proxy.contoso.example:3128 (from https_proxy)", or "". */
void http_proxy_name(const struct http_options *options, const char *host, char *out, size_t cap);

#endif
