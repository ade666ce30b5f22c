#include "mirror/exchange/http.h"

#include "mirror/words.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 20L
#define HEADERS_MAX ((size_t)256 << 10) /* bytes of all headers of an answer */
#define BODY_FIRST ((size_t)256 << 10)
#define USER_AGENT "postern-mirror/" POSTERN_VERSION " (reads SMTP AUTH settings for a mail relay)"

struct http {
    CURL *curl;
    struct http_options options;
    char *body;
    size_t body_n, body_cap, body_max, header_n;
    bool too_big, forbidden_address, refused; /* refused: by the request's own taker; not_taken says why */
    const struct http_request *request;
    struct error not_taken;
    struct http_answer *answer;
    char why[CURL_ERROR_SIZE];
};

/* ---- what comes in ---- */

static bool has_taker(struct http *h)
{
    long *status = &h->answer->status;

    return h->request->take != NULL && curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, status) == CURLE_OK &&
           (*status == 200 || *status == 206);
}

static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http *h = arg;

    n *= size;
    if (has_taker(h)) {
        h->refused = !h->request->take(h->request->take_arg, h->answer, (struct slice){bytes, n}, &h->not_taken);
        h->answer->taken += n;
        return h->refused ? 0 : n;
    }
    if (n > h->body_max - h->body_n) {
        h->too_big = true;
        return 0;
    }
    if (h->body_n + n + 1 > h->body_cap) {
        size_t cap = h->body_cap == 0 ? BODY_FIRST : h->body_cap;
        char *bigger;

        while (cap < h->body_n + n + 1)
            cap *= 2;
        bigger = realloc(h->body, cap);
        if (bigger == NULL)
            return 0;
        h->body = bigger;
        h->body_cap = cap;
    }
    memcpy(h->body + h->body_n, bytes, n);
    h->body_n += n;
    return n;
}

static void http_keep(char *out, size_t cap, struct slice value)
{
    struct buf b = buf_over(out, cap);

    buf_add(&b, slice_trim(value));
}

#define FIELD(member) offsetof(struct http_answer, member), sizeof(((struct http_answer *)0)->member)
static const struct {
    const char *name;
    size_t offset, size;
} wanted_headers[] = {
    {"content-type", FIELD(content_type)},
    {"request-id", FIELD(request_id)},
    {"x-ms-diagnostics", FIELD(diagnostics)},
    {"location", FIELD(location)},
    {"etag", FIELD(etag)},
    {"content-range", FIELD(content_range)},
    {"content-encoding", FIELD(content_encoding)},
};

static size_t take_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct http *h = arg;
    struct slice line = {bytes, n * size}, name, value;

    h->header_n += line.n;
    if (h->header_n > HEADERS_MAX) {
        h->too_big = true;
        return 0;
    }
    if (!slice_cut(line, ':', &name, &value))
        return line.n;
    for (size_t i = 0; i < sizeof wanted_headers / sizeof wanted_headers[0]; i++)
        if (slice_ieq(name, slice_of(wanted_headers[i].name)))
            http_keep((char *)h->answer + wanted_headers[i].offset, wanted_headers[i].size, value);
    return line.n;
}

/*
 * Link-local addresses belong to a cloud's metadata service, which gives out secrets. No service that is needed here
 * has one.
 */
static bool is_link_local(const struct sockaddr *address)
{
    const struct sockaddr_in *in = (const void *)address;
    const struct sockaddr_in6 *in6 = (const void *)address;

    if (address->sa_family == AF_INET)
        return (ntohl(in->sin_addr.s_addr) & 0xffff0000u) == 0xa9fe0000u;
    if (address->sa_family != AF_INET6)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return in6->sin6_addr.s6_addr[12] == 169 && in6->sin6_addr.s6_addr[13] == 254;
    return IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http *h = arg;

    (void)purpose;
    if (is_link_local(&address->addr)) {
        h->forbidden_address = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- the handle ---- */

static int set_options(struct http *h)
{
    CURL *c = h->curl;
    unsigned bad = 0;

    bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    bad |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (h->options.ca_file != NULL) {
        bad |= curl_easy_setopt(c, CURLOPT_CAINFO, h->options.ca_file);
        bad |= curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    }
    if (h->options.proxy != NULL)
        bad |= curl_easy_setopt(c, CURLOPT_PROXY, h->options.proxy);
    bad |= curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    bad |= curl_easy_setopt(c, CURLOPT_USERAGENT, USER_AGENT);
    bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_SLOW_BYTES);
    bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)h->options.stall_timeout_s);
    bad |= curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L * 1024);
    bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
    bad |= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    bad |= curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
    bad |= curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    bad |= curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, h);
    bad |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why);
    bad |= curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    return bad == 0 ? 0 : -1;
}

int http_open(const struct http_options *options, struct http **out, struct error *e)
{
    struct http *h = calloc(1, sizeof *h);

    *out = NULL;
    if (h == NULL)
        return error_set(e, "no memory for HTTPS");
    h->options = *options;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (h->curl = curl_easy_init()) == NULL || set_options(h) != 0) {
        http_close(h);
        return error_set(e, "libcurl cannot be used: it was built without HTTPS, or there is no memory");
    }
    *out = h;
    return 0;
}

void http_close(struct http *h)
{
    if (h == NULL)
        return;
    if (h->curl != NULL)
        curl_easy_cleanup(h->curl);
    if (h->body != NULL)
        explicit_bzero(h->body, h->body_cap);
    free(h->body);
    free(h);
}

/* ---- a request ---- */

static const struct {
    CURLcode code;
    enum failure failure;
    const char *advice;   /* NULL: libcurl's message is enough */
    bool about_authority; /* the name of the setting of authorities comes behind the advice */
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, FAILURE_TRANSIENT, "check the host's name and this machine's resolver", false},
    {CURLE_COULDNT_RESOLVE_PROXY, FAILURE_TRANSIENT, "check the proxy's name", false},
    {CURLE_COULDNT_CONNECT, FAILURE_TRANSIENT, "check the firewall, and the proxy if there is one", false},
    {CURLE_OPERATION_TIMEDOUT, FAILURE_TRANSIENT, NULL, false},
    {CURLE_SEND_ERROR, FAILURE_TRANSIENT, NULL, false},
    {CURLE_RECV_ERROR, FAILURE_TRANSIENT, NULL, false},
    {CURLE_GOT_NOTHING, FAILURE_TRANSIENT, NULL, false},
    {CURLE_PARTIAL_FILE, FAILURE_TRANSIENT, NULL, false},
    {CURLE_HTTP2, FAILURE_TRANSIENT, NULL, false},
    {CURLE_HTTP2_STREAM, FAILURE_TRANSIENT, NULL, false},
    {CURLE_PEER_FAILED_VERIFICATION, FAILURE_FINAL,
     "the certificate is not this host's, has expired, or comes from an authority that is not trusted here; where a "
     "proxy inspects TLS, put its authority into",
     true},
    {CURLE_SSL_CACERT_BADFILE, FAILURE_FINAL, "no certificates in PEM can be read from", true},
    {CURLE_SSL_CONNECT_ERROR, FAILURE_FINAL, "TLS 1.2 or newer is needed on the other side", false},
    {CURLE_BAD_CONTENT_ENCODING, FAILURE_FINAL, "the answer says that it is compressed, but is not", false},
};

/*
 * Explains a proxy's refusal of CONNECT (RFC 9110 9.3.6). Trying again doesn't help after 407, 403 and the like, but
 * libcurl has the same code for them as for broken connections.
 */
static bool explain_proxy(const struct http *h, enum failure *failure, struct error *e)
{
    long status = 0;

    if (curl_easy_getinfo(h->curl, CURLINFO_HTTP_CONNECTCODE, &status) != CURLE_OK || status < 300)
        return false;
    *failure = retry_class(status);
    if (status == 407)
        (void)error_set(e, "the proxy wants a user and a password (HTTP 407): give them in the environment "
                           "(https_proxy=http://user:password@host:port), as mirror.proxy takes none, or have the "
                           "proxy let this machine through without");
    else
        (void)error_set(e, "the proxy does not open the way (HTTP %ld)%s", status,
                        *failure == FAILURE_FINAL ? ": it must let this machine through to the host" : "");
    return true;
}

/* CURLE_OPERATION_TIMEDOUT means one of three things, which only libcurl's message tells apart. */
static void explain_timeout(const struct http *h, const char *said, struct error *e)
{
    if (strstr(said, "too slow") != NULL)
        (void)error_set(e, "less than %d bytes a second came for %llu s (mirror.stall_timeout)", HTTP_SLOW_BYTES,
                        (unsigned long long)h->options.stall_timeout_s);
    else
        (void)error_set(e, "%s", words(slice_of(said)).text);
}

static enum failure explain_failure(const struct http *h, CURLcode code, struct error *e)
{
    const char *said = h->why[0] != '\0' ? h->why : curl_easy_strerror(code);
    enum failure failure;

    if (h->refused) {
        *e = h->not_taken;
        return FAILURE_FINAL;
    }
    if (h->too_big) {
        (void)error_set(e, "the answer is longer than %zu bytes, as none is", h->body_max);
        return FAILURE_FINAL;
    }
    if (h->forbidden_address) {
        (void)error_set(e, "the host's name leads to a link-local address, where no such service is");
        return FAILURE_FINAL;
    }
    if (explain_proxy(h, &failure, e))
        return failure;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (failures[i].code != code)
            continue;
        if (code == CURLE_OPERATION_TIMEDOUT) {
            explain_timeout(h, said, e);
            return failures[i].failure;
        }
        (void)error_set(e, "%s%s%s%s%s", words(slice_of(said)).text, failures[i].advice != NULL ? "; " : "",
                        failures[i].advice != NULL ? failures[i].advice : "", failures[i].about_authority ? " " : "",
                        failures[i].about_authority ? h->options.ca_setting : "");
        return failures[i].failure;
    }
    (void)error_set(e, "%s", words(slice_of(said)).text);
    return FAILURE_FINAL;
}

#define RANGE_MAX 24

/* "4096-", or NULL for all of it. */
static const char *range_of(const struct http_request *r, char mem[RANGE_MAX])
{
    struct buf b = buf_over(mem, RANGE_MAX);

    if (r->from == NULL || *r->from == 0)
        return NULL;
    buf_addf(&b, "%llu-", (unsigned long long)*r->from);
    return mem;
}

static CURLcode set_request(const struct http *h, const struct http_request *r, struct curl_slist *headers)
{
    char range[RANGE_MAX];
    CURL *c = h->curl;
    CURLcode bad;

    bad = r->url != NULL ? curl_easy_setopt(c, CURLOPT_CURLU, NULL) : curl_easy_setopt(c, CURLOPT_CURLU, r->parsed);
    if (bad == CURLE_OK && r->url != NULL)
        bad = curl_easy_setopt(c, CURLOPT_URL, r->url);
    if (bad == CURLE_OK)
        bad = curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (bad == CURLE_OK)
        bad = curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(r->timeout_ms < LONG_MAX ? r->timeout_ms : LONG_MAX));
    if (bad == CURLE_OK)
        bad = curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, r->uncompressed ? NULL : "gzip");
    if (bad == CURLE_OK)
        bad = curl_easy_setopt(c, CURLOPT_RANGE, range_of(r, range));
    if (bad != CURLE_OK)
        return bad;
    if (r->body.p == NULL)
        return curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    bad = curl_easy_setopt(c, CURLOPT_POST, 1L);
    if (bad == CURLE_OK)
        bad = curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    return bad == CURLE_OK ? curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body.p) : bad;
}

static struct curl_slist *header_list(const char *const *headers)
{
    struct curl_slist *list = NULL, *longer;

    for (; *headers != NULL; headers++) {
        longer = curl_slist_append(list, *headers);
        if (longer == NULL) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

/* The headers include the token. */
static void wipe_list(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item != NULL; item = item->next)
        explicit_bzero(item->data, strlen(item->data));
    curl_slist_free_all(list);
}

static void note_peer(struct http *h)
{
    long version = 0;
    const char *address = NULL;
    struct buf a = BUF_OVER(h->answer->address);
    struct buf b = BUF_OVER(h->answer->protocol);

    (void)curl_easy_getinfo(h->curl, CURLINFO_PRIMARY_IP, &address);
    buf_addf(&a, "%s", address != NULL ? address : "");
    (void)curl_easy_getinfo(h->curl, CURLINFO_HTTP_VERSION, &version);
    buf_addf(&b, "%s",
             version == CURL_HTTP_VERSION_2_0 ? "HTTP/2"
             : version == CURL_HTTP_VERSION_3 ? "HTTP/3"
                                              : "HTTP/1.1");
}

int http_do(struct http *h, const struct http_request *request, struct http_answer *answer, struct error *e)
{
    struct curl_slist *headers = header_list(request->headers);
    curl_off_t after = 0;
    CURLcode code;

    *answer = (struct http_answer){.failure = FAILURE_FINAL};
    h->answer = answer;
    h->request = request;
    h->body_n = h->header_n = 0;
    h->body_max = request->body_max > 0 ? request->body_max : HTTP_ANSWER_MAX;
    h->too_big = h->forbidden_address = h->refused = false;
    h->why[0] = '\0';
    if (headers == NULL)
        return error_set(e, "no memory for a request");
    code = set_request(h, request, headers);
    if (code == CURLE_OK)
        code = curl_easy_perform(h->curl);
    (void)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, NULL);
    (void)curl_easy_setopt(h->curl, CURLOPT_CURLU, NULL);
    wipe_list(headers);
    (void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    (void)curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &after);
    answer->retry_after_s = after > 0 ? (uint64_t)after : 0;
    answer->body = (struct slice){h->body != NULL ? h->body : "", h->body_n};
    note_peer(h);
    /* Exchange Online sends a 403 with NUL bytes and claims that they are compressed. The status is enough. */
    if (code == CURLE_BAD_CONTENT_ENCODING && answer->status >= 400) {
        answer->body.n = 0;
        code = CURLE_OK;
    }
    answer->unresolved = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY;
    if (code != CURLE_OK) {
        answer->failure = explain_failure(h, code, e);
        return -1;
    }
    answer->failure = retry_class(answer->status);
    return 0;
}

/* ---- proxies ---- */

static bool name_matches(struct slice host, struct slice pattern)
{
    pattern = slice_trim(pattern);
    if (slice_eq(pattern, SLICE("*")))
        return true;
    if (pattern.n > 0 && pattern.p[0] == '.')
        pattern = (struct slice){pattern.p + 1, pattern.n - 1};
    if (pattern.n == 0 || host.n < pattern.n)
        return false;
    return slice_ieq((struct slice){host.p + host.n - pattern.n, pattern.n}, pattern) &&
           (host.n == pattern.n || host.p[host.n - pattern.n - 1] == '.');
}

static bool without_proxy(const char *host)
{
    const char *list = getenv("no_proxy");
    struct slice rest, one, name;

    if (list == NULL)
        list = getenv("NO_PROXY");
    rest = slice_of(list != NULL ? list : "");
    slice_cut(slice_of(host), ':', &name, NULL);
    while (rest.n > 0) {
        slice_cut(rest, ',', &one, &rest);
        if (name_matches(name, one))
            return true;
    }
    return false;
}

void http_proxy_name(const struct http_options *options, const char *host, char *out, size_t cap)
{
    static const char *const variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    const char *proxy = options->proxy, *from = "mirror.proxy";
    struct buf b = buf_over(out, cap);
    struct slice text, rest;

    for (size_t i = 0; i < sizeof variables / sizeof variables[0] && proxy == NULL; i++) {
        proxy = getenv(variables[i]);
        from = variables[i];
    }
    if (proxy == NULL || proxy[0] == '\0' || without_proxy(host))
        return;
    text = slice_of(strstr(proxy, "://") != NULL ? strstr(proxy, "://") + 3 : proxy);
    slice_cut(text, '/', &text, NULL);
    while (slice_cut(text, '@', NULL, &rest)) /* leaves out user and password */
        text = rest;
    buf_addf(&b, "%s (from %s)", words(text).text, from);
}
