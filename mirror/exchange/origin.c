#include "mirror/exchange/origin.h"

#include "mirror/words.h"

#include <arpa/inet.h>

static void lower_into(struct buf *b, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_add_char(b, ascii_lower(s.p[i]));
}

static bool is_ip(const char *host)
{
    unsigned char binary[16];

    return inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1;
}

int origin_make(struct origin *o, const char *host, const char *path, struct error *e)
{
    struct buf h = BUF_OVER(o->host), p = BUF_OVER(o->port), t = BUF_OVER(o->path);
    struct slice name, port;

    if (!slice_cut(slice_of(host), ':', &name, &port))
        port = SLICE("443");
    lower_into(&h, name);
    buf_add(&p, port);
    lower_into(&t, slice_of(path));
    o->name = !is_ip(o->host);
    return h.full || p.full || t.full || name.n == 0
               ? error_set(e, "\"%s\": too long a host or path", words(slice_of(host)).text)
               : 0;
}

static int refuse(struct slice link, const char *why, struct error *e)
{
    slice_cut(link, '?', &link, NULL); /* leaves out the cursor */
    return error_set(e, "the service's link to the next page is not followed: %s (\"%s\")", why, words(link).text);
}

/* Why the link's text is refused: RFC 3986 doesn't allow it, or programs parse it differently. NULL: it isn't. */
static const char *bad_text(struct slice link)
{
    struct slice authority;

    if (link.n == 0 || link.n > LINK_MAX_BYTES)
        return "it is empty or too long";
    for (size_t i = 0; i < link.n; i++)
        if (link.p[i] <= ' ' || link.p[i] > '~' || strchr("\\\"<>^`{|}#", link.p[i]) != NULL)
            return "it has characters that no address has";
    if (link.n < 8 || !slice_ieq((struct slice){link.p, 8}, SLICE("https://")))
        return "it does not begin with https://";
    authority = (struct slice){link.p + 8, link.n - 8};
    slice_cut(authority, '/', &authority, NULL);
    slice_cut(authority, '?', &authority, NULL);
    if (authority.n == 0 || memchr(authority.p, '@', authority.n) != NULL ||
        memchr(authority.p, '%', authority.n) != NULL)
        return "its host is hidden behind a user or an escape, or missing";
    return NULL;
}

static bool host_allowed(const struct origin *o, const char *found)
{
    struct slice host = slice_of(found), own = slice_of(o->host);
    size_t prefix;

    if (slice_ieq(host, own))
        return true;
    if (!o->name || host.n <= own.n + 1)
        return false;
    prefix = host.n - own.n;
    for (size_t i = 0; i < prefix; i++) {
        char c = ascii_lower(host.p[i]);
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        if (!letter && (i == 0 || (c != '-' && c != '.') || (c == '.' && host.p[i - 1] == '.')))
            return false;
    }
    return host.p[prefix - 1] == '.' && slice_ieq((struct slice){host.p + prefix, own.n}, own);
}

static bool path_allowed(const struct origin *o, const char *found)
{
    struct slice path = slice_of(found), own = slice_of(o->path);

    return path.n > own.n && slice_ieq((struct slice){path.p, own.n}, own) && strstr(found, "..") == NULL &&
           strstr(found, "//") == NULL && strchr(found, '%') == NULL;
}

static const char *judge_parts(const struct origin *o, CURLU *url)
{
    static const CURLUPart unwanted[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT};
    char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *other = NULL;
    const char *why = NULL;

    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0] && why == NULL; i++)
        if (curl_url_get(url, unwanted[i], &other, 0) == CURLUE_OK) {
            curl_free(other);
            why = "it has a user, options or a fragment";
        }
    if (why == NULL && (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
                        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
                        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
                        curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK))
        why = "it is incomplete";
    if (why == NULL && strcmp(scheme, "https") != 0)
        why = "it is not https";
    if (why == NULL && !host_allowed(o, host))
        why = "it leads to another host than the configured one and those under it, and the token would go there";
    if (why == NULL && strcmp(port, o->port) != 0)
        why = "it leads to another port";
    if (why == NULL && !path_allowed(o, path))
        why = "it leads to another place of the host";
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    return why;
}

CURLU *origin_judge(const struct origin *o, struct slice link, struct error *e)
{
    const char *why = bad_text(link);
    char text[LINK_MAX_BYTES + 1];
    struct buf b = BUF_OVER(text);
    CURLU *url;

    if (why != NULL) {
        (void)refuse(link, why, e);
        return NULL;
    }
    buf_add(&b, link);
    url = curl_url();
    if (url == NULL) {
        (void)error_set(e, "no memory for an address");
        return NULL;
    }
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS) != CURLUE_OK)
        why = "it is not a valid address";
    else
        why = judge_parts(o, url);
    if (why == NULL)
        return url;
    (void)refuse(link, why, e);
    curl_url_cleanup(url);
    return NULL;
}
