#include "core/report/postfix_entrance.h"

#include "core/base/buf.h"
#include "core/report/postfix_words.h"

#include <arpa/inet.h>
#include <netdb.h>

#define PORT_SMTP 25u
#define PORT_SUBMISSION 587u
#define NAME_MAX_BYTES 40u /* of a service in /etc/services */

static bool parse_port(struct slice text, unsigned *port)
{
    char name[NAME_MAX_BYTES + 1];
    struct buf b = BUF_OVER(name);
    const struct servent *service;
    unsigned long long number;

    if (slice_to_u64(text, 65535, &number) && number > 0) {
        *port = (unsigned)number;
        return true;
    }
    buf_add(&b, text);
    service = text.n > 0 && !b.full ? getservbyname(name, "tcp") : NULL;
    if (service == NULL)
        return false;
    *port = ntohs((uint16_t)service->s_port);
    return true;
}

/* What a host name or an address is made of; it goes into a URL. */
static bool is_host(struct slice host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = ascii_lower(host.p[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && strchr(".-_:", c) == NULL)
            return false;
    }
    return host.n > 0 && host.n <= ENTRANCE_HOST_MAX;
}

static bool put_host(struct entrance *out, struct slice host)
{
    struct buf b = BUF_OVER(out->host);

    buf_add(&b, host);
    return is_host(host);
}

bool entrance_parse(struct slice text, unsigned port, struct entrance *out)
{
    struct slice host, rest;

    out->port = port;
    if (text.n > 0 && text.p[0] == '[') {
        if (!slice_cut((struct slice){text.p + 1, text.n - 1}, ']', &host, &rest))
            return false;
        if (rest.n == 0)
            return put_host(out, host);
        return rest.p[0] == ':' && parse_port((struct slice){rest.p + 1, rest.n - 1}, &out->port) &&
               put_host(out, host);
    }
    if (!slice_cut(text, ':', &host, &rest) || memchr(rest.p, ':', rest.n) != NULL) /* an IPv6 address has several */
        return put_host(out, text);
    return parse_port(rest, &out->port) && put_host(out, host);
}

/* Where Postfix listens if the service doesn't say so. */
static struct slice interface_of(const struct postfix *p)
{
    struct slice rest = postfix_get(p, NULL, "inet_interfaces"), word;

    if (!postfix_word(&rest, &word) || slice_ieq(word, SLICE("all")) || slice_ieq(word, SLICE("loopback-only")))
        return slice_ieq(postfix_get(p, NULL, "inet_protocols"), SLICE("ipv6")) ? SLICE("::1") : SLICE("127.0.0.1");
    return word;
}

/* "submission", "587", "127.0.0.1:587": as entrance_parse, but a word alone is the port. */
static bool parse_service(const struct postfix *p, struct slice name, struct entrance *out)
{
    struct slice host, rest;
    unsigned port;

    if (slice_cut(name, ':', &host, &rest)) {
        if (host.n > 0)
            return entrance_parse(name, 0, out) && out->port != 0;
        name = rest;
    }
    return parse_port(name, &port) && entrance_parse(interface_of(p), port, out);
}

/* The higher, the better; 0: not at all. */
static unsigned entrance_fit(const struct postfix *p, const struct postfix_service *service, bool login,
                             const struct entrance *at)
{
    bool logins = postfix_is_yes(p, service, "smtpd_sasl_auth_enable");

    if (!login)
        return at->port == PORT_SMTP ? 3 : logins ? 1 : 2;
    return !logins ? 0 : at->port == PORT_SUBMISSION ? 3 : at->implicit_tls ? 2 : 1;
}

int entrance_find(const struct postfix *p, bool login, struct entrance *out, struct error *e)
{
    unsigned best = 0;

    for (size_t i = 0; i < p->n_services; i++) {
        const struct postfix_service *service = &p->services[i];
        struct entrance at = {.implicit_tls = postfix_is_yes(p, service, "smtpd_tls_wrappermode")};
        struct buf name = BUF_OVER(at.name), said = BUF_OVER(at.service);
        unsigned fit;

        if (!slice_eq(service->command, SLICE("smtpd")) || !slice_eq(service->type, SLICE("inet")) ||
            postfix_get(p, service, "smtpd_upstream_proxy_protocol").n > 0 || !parse_service(p, service->name, &at))
            continue;
        fit = entrance_fit(p, service, login, &at);
        if (fit <= best)
            continue;
        buf_add(&name, postfix_get(p, service, "myhostname"));
        buf_add_escaped(&said, service->name, 60);
        *out = at;
        best = fit;
    }
    if (best > 0)
        return 0;
    return error_set(e, login ? "no service of Postfix's master.cf takes logins (smtpd_sasl_auth_enable); \"postern "
                                "setup-postfix\" adds one, --server names another server"
                              : "no service of Postfix's master.cf takes mail by SMTP; --server names another server");
}
