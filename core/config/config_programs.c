#include "core/config/config_table.h"

#include "core/access/act.h"
#include "core/base/quote.h"
#include "core/mail/reply_text.h"

#include <arpa/inet.h>
#include <sys/un.h>

/* policyd, milter, sasl, web, and the texts of replies. */

#define LISTENERS_MAX 64
#define FD_MIN 3 /* the first descriptor that a service manager passes (sd_listen_fds(3)) */
#define FD_MAX 1023
#define PORT_MAX 65535
#define SOCKET_PATH_MAX (sizeof((struct sockaddr_un *)0)->sun_path - 1)
#define SOCKET_MODE 0660
#define UPSTREAM_FORM "expected unix:/path, inet:127.0.0.1:PORT or inet6:[::1]:PORT"
#define LISTENER_FORM "expected unix:/path, inet:192.0.2.1:10040, inet6:[::1]:10040 or fd:3"

/* ---- listeners ---- */

static int parse_unix(struct reader *r, struct slice text, struct listener_config *l, struct error *e)
{
    if (text.n == 0 || text.p[0] != '/' || text.n > SOCKET_PATH_MAX)
        return error_set(e, "\"unix:%s\": expected an absolute path of at most %zu bytes after \"unix:\"",
                         quote(text).text, SOCKET_PATH_MAX);
    l->path = config_keep(r, text);
    return l->path != NULL ? 0 : -1;
}

static int parse_fd(struct reader *r, struct slice text, struct listener_config *l, struct error *e)
{
    unsigned long long fd;

    (void)r;
    if (!slice_to_u64(text, FD_MAX, &fd) || fd < FD_MIN)
        return error_set(e, "\"fd:%s\": expected the number of a passed socket, %d to %d", quote(text).text, FD_MIN,
                         FD_MAX);
    l->fd = (int)fd;
    return 0;
}

/* "host:port", with an IPv6 host in square brackets. The host is numeric: no name is looked up for a socket. */
static int parse_tcp(struct reader *r, struct slice text, int family, struct listener_config *l, struct error *e)
{
    const char *colon = text.n > 0 ? memrchr(text.p, ':', text.n) : NULL;
    struct slice host = {text.p, colon != NULL ? (size_t)(colon - text.p) : 0}, port_text;
    unsigned char binary[16];
    unsigned long long port;

    if (colon == NULL)
        return error_set(e, "\"%s\" has no port; " LISTENER_FORM, quote(text).text);
    port_text = (struct slice){colon + 1, text.n - host.n - 1};
    if (!slice_to_u64(port_text, PORT_MAX, &port) || port == 0)
        return error_set(e, "\"%s\" is not a port; expected 1 to %d", quote(port_text).text, PORT_MAX);
    if (family == AF_INET6 && host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct slice){host.p + 1, host.n - 2};
    else if (family == AF_INET6)
        return error_set(e, "\"%s\": an IPv6 address must be in brackets; " LISTENER_FORM, quote(text).text);
    if ((l->host = config_keep(r, host)) == NULL)
        return -1;
    if (inet_pton(family, l->host, binary) != 1)
        return error_set(e, "\"%s\" is not an %s address; " LISTENER_FORM, quote(host).text,
                         family == AF_INET ? "IPv4" : "IPv6");
    l->port = (uint16_t)port;
    return 0;
}

static int parse_address(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct listener_config *l = at;
    struct slice kind, rest;

    *l = (struct listener_config){.fd = -1, .socket_mode = SOCKET_MODE};
    if ((l->address = config_keep(r, text)) == NULL)
        return -1;
    (void)slice_cut(text, ':', &kind, &rest);
    if (slice_eq(kind, SLICE("unix")))
        return parse_unix(r, rest, l, e);
    if (slice_eq(kind, SLICE("inet")))
        return parse_tcp(r, rest, AF_INET, l, e);
    if (slice_eq(kind, SLICE("inet6")))
        return parse_tcp(r, rest, AF_INET6, l, e);
    if (slice_eq(kind, SLICE("fd")))
        return parse_fd(r, rest, l, e);
    return error_set(e, "\"%s\": " LISTENER_FORM, quote(text).text);
}

static int parse_socket_mode(struct reader *r, struct slice text, void *at, struct error *e)
{
    unsigned mode = 0;

    (void)r;
    for (size_t i = 0; i < text.n; i++)
        mode = text.p[i] >= '0' && text.p[i] <= '7' && mode <= 0777 ? 8 * mode + (unsigned)(text.p[i] - '0') : 01000;
    if (text.n < 3 || text.n > 4 || mode > 0777)
        return error_set(e, "\"%s\": expected permissions in octal digits, \"0600\" to \"0777\"", quote(text).text);
    *(unsigned *)at = mode;
    return 0;
}

/* The defaults are those of the general section "tls". */
static int read_listener_tls(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct listener_config *l = at;

    l->tls = r->config->tls;
    if (s == NULL)
        return 0;
    if (!config_setting_is_group(s))
        return setting_error(r, s, "found %s; expected a group: { ... }", setting_found(s).text);
    l->has_tls = true;
    return section_read(r, s, row->section, &l->tls);
}

static const struct setting listener_tls_rows[] = {
    {"required", SETTING_BOOL, AT(struct tls_config, required)},
    {"minimum", SETTING_CHOICE, AT(struct tls_config, minimum), .choices = tls_minimums},
};
static const struct section listener_tls_section = {ROWS(listener_tls_rows)};

/* ---- in front of Postfix ---- */

static const struct choice front_tls[] = {
    {"1.0", TLS_1_0}, {"1.1", TLS_1_1}, {"1.2", TLS_1_2}, {"1.3", TLS_1_3}, {NULL, 0}};

static bool is_of_method(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int parse_method(struct reader *r, struct slice text, void *at, struct error *e)
{
    bool good = text.n > 0 && text.n <= METHOD_MAX;
    struct buf b = buf_over(at, METHOD_MAX + 1);

    (void)r;
    for (size_t i = 0; i < text.n; i++)
        good &= is_of_method(text.p[i]);
    if (!good)
        return error_set(e, "\"%s\": expected a SASL mechanism, such as XOAUTH2 or PLAIN, or unknown",
                         quote(text).text);
    buf_add(&b, text);
    return 0;
}

static const struct setting front_rows[] = {
    {"tls", SETTING_CHOICE, AT(struct front_config, tls), .choices = front_tls},
    {"method", SETTING_PARSED, AT(struct front_config, method), .parse = parse_method,
     .allowed = "a SASL mechanism, or unknown"},
};
static const struct section front_section = {ROWS(front_rows)};

/* ---- a listener ---- */

static int check_listener(struct reader *r, const config_setting_t *s, void *target)
{
    const struct listener_config *l = target;

    for (const char *const *name = (const char *const[]){"mode", "group", NULL}; *name != NULL; name++) {
        const config_setting_t *member = config_setting_get_member(s, *name);

        if (member != NULL && l->path == NULL)
            return setting_error(r, member, "is for unix: sockets only; %s has no permissions of its own", l->address);
    }
    return 0;
}

static const struct setting listener_rows[] = {
    /* The address first: it makes the struct new. */
    {"address", SETTING_PARSED, .required = true, .parse = parse_address, .allowed = LISTENER_FORM},
    {"mode", SETTING_PARSED, AT(struct listener_config, socket_mode), .parse = parse_socket_mode, .standard = "0660",
     .allowed = "octal permissions"},
    {"group", SETTING_PARSED, AT(struct listener_config, socket_group), .parse = parse_name,
     .allowed = "the name of a group of users"},
    {"tls", SETTING_OWN, .read = read_listener_tls, .section = &listener_tls_section, .allowed = "a group"},
    {"front", SETTING_SECTION, AT(struct listener_config, front), .section = &front_section},
};
static const struct section listener_section = {ROWS(listener_rows), .check = check_listener};

/* One listener: a text with its address, or a group with more settings. */
static int read_listener(struct reader *r, const config_setting_t *s, const struct setting *row,
                         struct listener_config *l)
{
    struct slice text;

    if (s != NULL && config_setting_is_group(s))
        return section_read(r, s, row->section, l);
    if (setting_text(r, s, row, &text) != 0)
        return -1;
    if (parse_address(r, text, l, r->e) != 0)
        return setting_error_around(r, s);
    l->tls = r->config->tls;
    return 0;
}

static bool is_many(const config_setting_t *s)
{
    return s != NULL && (config_setting_is_list(s) || config_setting_is_array(s));
}

static int read_listeners(struct reader *r, const config_setting_t *s, const struct setting *row,
                          struct listener_config **list, size_t *n_list)
{
    int n = is_many(s) ? config_setting_length(s) : 1;

    if (n > LISTENERS_MAX)
        return setting_error(r, s, "%d listeners; at most %d are allowed", n, LISTENERS_MAX);
    if (n == 0)
        return 0;
    if ((*list = config_alloc(r, (size_t)n, sizeof **list)) == NULL)
        return -1;
    for (; *n_list < (size_t)n; (*n_list)++) {
        const config_setting_t *one = is_many(s) ? config_setting_get_elem(s, (unsigned)*n_list) : s;
        struct listener_config *l = &(*list)[*n_list];

        if (read_listener(r, one, row, l) != 0)
            return -1;
        for (const struct listener_config *other = *list; other < l; other++)
            if (strcmp(other->address, l->address) == 0)
                return setting_error(r, one, "%s is listed twice", l->address);
    }
    return 0;
}

static int read_policyd_listeners(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct policyd_config *policyd = at;

    return read_listeners(r, s, row, &policyd->listen, &policyd->n_listen);
}

/* An empty text: the program is not used. */
static bool is_unused(const config_setting_t *s)
{
    return s != NULL && config_setting_type(s) == CONFIG_TYPE_STRING && config_setting_get_string(s)[0] == '\0';
}

/* Has another program one of these listeners? Descriptors belong to a process: all programs may use fd:3. */
static int check_taken(const struct reader *r, const config_setting_t *s, const struct listener_config *own,
                       size_t n_own, const char *setting, const struct listener_config *others, size_t n_others)
{
    for (size_t i = 0; i < n_others; i++)
        for (size_t j = 0; j < n_own; j++)
            if (own[j].fd < 0 && strcmp(others[i].address, own[j].address) == 0)
                return setting_error(r, s, "%s is one of %s already", own[j].address, setting);
    return 0;
}

static int read_milter_listeners(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    const struct policyd_config *policyd = &r->config->policyd;
    struct milter_config *milter = at;

    if (is_unused(s))
        return 0;
    if (read_listeners(r, s, row, &milter->listen, &milter->n_listen) != 0)
        return -1;
    return check_taken(r, s, milter->listen, milter->n_listen, "policyd.listen", policyd->listen, policyd->n_listen);
}

static int check_milter(struct reader *r, const config_setting_t *s, void *target)
{
    const struct milter_config *milter = target;

    for (size_t i = 0; i < milter->n_listen && !milter->allow_inet; i++)
        if (milter->listen[i].host != NULL)
            return setting_error(
                r, config_setting_get_member(s, "listen"),
                "%s: whoever can connect to a milter can end it with one malformed packet (libmilter), "
                "and here every user of this host can; expected unix:/path, whose permissions keep "
                "others out, or milter.allow_inet = true beside it",
                milter->listen[i].address);
    return 0;
}

static const struct setting policyd_rows[] = {
    {"listen", SETTING_OWN, .read = read_policyd_listeners, .section = &listener_section,
     .standard = "unix:/run/postern/policyd.sock", .allowed = LISTENER_FORM},
    {"workers", SETTING_NUMBER, AT(struct policyd_config, workers), .standard = "2", .least = 1, .most = 256},
    {"max_connections", SETTING_NUMBER, AT(struct policyd_config, max_connections), .standard = "20000", .least = 1,
     .most = 1000000},
    {"idle_timeout", SETTING_DURATION, AT(struct policyd_config, idle_timeout_s), .standard = "1100s", .least = 1,
     .most = 7 * 86400},
    {"request_timeout", SETTING_DURATION, AT(struct policyd_config, request_timeout_s), .standard = "10s", .least = 1,
     .most = 3600},
};
const struct section policyd_section = {ROWS(policyd_rows)};

static const struct setting milter_rows[] = {
    {"listen", SETTING_OWN, .read = read_milter_listeners, .section = &listener_section,
     .standard = "unix:/run/postern/milter.sock", .allowed = LISTENER_FORM},
    {"timeout", SETTING_DURATION, AT(struct milter_config, timeout_s), .standard = "10m", .least = 10,
     .most = 7 * 86400},
    {"allow_inet", SETTING_BOOL, AT(struct milter_config, allow_inet), .standard = "false"},
};
const struct section milter_section = {ROWS(milter_rows), .check = check_milter};

/* ---- sasl ---- */

static int check_sasl_listener(const struct reader *r, const config_setting_t *s, const struct listener_config *l)
{
    if (!listener_is_local(l))
        return setting_error(r, s,
                             "%s: whoever can connect names the client's address, which blocks and networks are judged "
                             "by, and sends passwords in the clear; expected unix:/path, or inet:127.0.0.1:PORT",
                             l->address);
    if (l->front.method[0] != '\0')
        return setting_error(r, s, "%s: front.method is not for here: at AUTH Postfix says which mechanism it is",
                             l->address);
    return 0;
}

static int read_sasl_listeners(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    const struct policyd_config *policyd = &r->config->policyd;
    const struct milter_config *milter = &r->config->milter;
    struct sasl_config *sasl = at;

    if (s == NULL || is_unused(s))
        return 0;
    if (read_listeners(r, s, row, &sasl->listen, &sasl->n_listen) != 0)
        return -1;
    for (size_t i = 0; i < sasl->n_listen; i++)
        if (check_sasl_listener(r, s, &sasl->listen[i]) != 0)
            return -1;
    return check_taken(r, s, sasl->listen, sasl->n_listen, "policyd.listen", policyd->listen, policyd->n_listen) != 0
               ? -1
               : check_taken(r, s, sasl->listen, sasl->n_listen, "milter.listen", milter->listen, milter->n_listen);
}

static int parse_upstream(struct reader *r, struct slice text, void *at, struct error *e)
{
    struct listener_config *upstream = at;

    if (parse_address(r, text, upstream, e) != 0)
        return -1;
    if (upstream->fd >= 0 || !listener_is_local(upstream))
        return error_set(e, "\"%s\": passwords cross this connection in the clear; " UPSTREAM_FORM, quote(text).text);
    return 0;
}

static int check_sasl(struct reader *r, const config_setting_t *s, void *target)
{
    const struct sasl_config *sasl = target;

    for (size_t i = 0; i < sasl->n_listen; i++)
        if (strcmp(sasl->listen[i].address, sasl->upstream.address) == 0)
            return setting_error(r, config_setting_get_member(s, "upstream"),
                                 "%s is one of sasl.listen: the door would ask itself; expected the socket of Dovecot",
                                 sasl->upstream.address);
    return 0;
}

static const struct setting sasl_rows[] = {
    {"listen", SETTING_OWN, .read = read_sasl_listeners, .section = &listener_section, .standard = "",
     .allowed = LISTENER_FORM},
    {"upstream", SETTING_PARSED, AT(struct sasl_config, upstream), .parse = parse_upstream,
     .standard = "unix:/run/dovecot/auth-postern", .allowed = UPSTREAM_FORM},
    {"max_connections", SETTING_NUMBER, AT(struct sasl_config, max_connections), .standard = "20000", .least = 1,
     .most = 1000000},
};
const struct section sasl_section = {ROWS(sasl_rows), .check = check_sasl};

/* ---- web ---- */

#define WEB_FORM "unix:/path, inet:127.0.0.1:PORT, inet6:[::1]:PORT or fd:NUMBER for a socket that was passed in"
#define HOSTS_MAX 64
#define HOST_NAME_MAX_BYTES 255

static const struct setting web_listener_rows[] = {
    /* As above. */
    {"address", SETTING_PARSED, .required = true, .parse = parse_address, .allowed = WEB_FORM},
    {"mode", SETTING_PARSED, AT(struct listener_config, socket_mode), .parse = parse_socket_mode, .standard = "0660",
     .allowed = "octal permissions"},
    {"group", SETTING_PARSED, AT(struct listener_config, socket_group), .parse = parse_name,
     .allowed = "the name of a group of users"},
};
static const struct section web_listener_section = {ROWS(web_listener_rows), .check = check_listener};

static int read_web_listeners(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    const struct config *c = r->config;
    struct web_config *web = at;

    if (is_unused(s))
        return 0;
    if (read_listeners(r, s, row, &web->listen, &web->n_listen) != 0)
        return -1;
    for (size_t i = 0; i < web->n_listen; i++)
        if (!listener_is_local(&web->listen[i]))
            return setting_error(r, s,
                                 "%s: there is no TLS here, so others would read along; expected " WEB_FORM
                                 ", and a web server before it",
                                 web->listen[i].address);
    return check_taken(r, s, web->listen, web->n_listen, "policyd.listen", c->policyd.listen, c->policyd.n_listen) ||
                   check_taken(r, s, web->listen, web->n_listen, "milter.listen", c->milter.listen,
                               c->milter.n_listen) ||
                   check_taken(r, s, web->listen, web->n_listen, "sasl.listen", c->sasl.listen, c->sasl.n_listen)
               ? -1
               : 0;
}

/* As in a Host field without its port (RFC 3986 3.2.2). */
static int one_host(struct reader *r, const config_setting_t *s, struct slice text, struct slice *at)
{
    bool right = text.n > 0 && text.n <= HOST_NAME_MAX_BYTES;

    for (size_t i = 0; i < text.n && right; i++)
        right = is_of_method(text.p[i]) || strchr(".[]:", text.p[i]) != NULL;
    if (right && memchr(text.p, ':', text.n) != NULL)
        right = text.p[0] == '[' && text.p[text.n - 1] == ']';
    return right ? setting_keep_slice(r, s, text, at)
                 : setting_error(r, s, "\"%s\": expected a name without a port, as in relay.contoso.example",
                                 quote(text).text);
}

static int read_hosts(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct web_config *web = at;

    return setting_slices(r, s, row, HOSTS_MAX, one_host, &web->hosts, &web->n_hosts);
}

/* What an operator can take back is switched on unless the list says otherwise. */
static int read_actions(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct web_config *web = at;
    enum act_verb verb;
    unsigned n;

    if (s == NULL) {
        web->actions = 1u << ACT_BLOCK | 1u << ACT_UNBLOCK | 1u << ACT_HOLD | 1u << ACT_RELEASE | 1u << ACT_DENY;
        return 0;
    }
    if (setting_texts(r, s, ACT_VERBS, &n) != 0)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        const config_setting_t *element = setting_texts_element(s, i);
        struct slice word;

        if (setting_text(r, element, row, &word) != 0)
            return -1;
        if (act_verb_find(word, &verb, r->e) != 0)
            return setting_error_around(r, element);
        web->actions |= 1u << verb;
    }
    return 0;
}

static const struct setting web_rows[] = {
    {"listen", SETTING_OWN, .read = read_web_listeners, .section = &web_listener_section,
     .standard = "unix:/run/postern-web/web.sock", .allowed = WEB_FORM},
    {"hosts", SETTING_OWN, .read = read_hosts, .allowed = "a list of names"},
    {"users", SETTING_PATH, AT(struct web_config, users), .standard = "web-users"},
    {"proxy", SETTING_SECTION, AT(struct web_config, proxy), .section = &web_proxy_section},
    {"actions", SETTING_OWN, .read = read_actions, .allowed = "a list of " ACT_WORDS},
    {"actions_an_hour", SETTING_NUMBER, AT(struct web_config, actions_an_hour), .standard = "60", .least = 1,
     .most = ACTS_AN_HOUR_MAX},
    {"action_log", SETTING_PATH, AT(struct web_config, action_log), .standard = "/var/log/postern/actions.log"},
};
const struct section web_section = {ROWS(web_rows)};

/* ---- replies ---- */

static int unknown_reason(const struct reader *r, const config_setting_t *s)
{
    const char *names[REASON_COUNT], *meant;
    char text[600];
    struct buf b = BUF_OVER(text);
    size_t n = 0;

    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (reason_row((enum reason)i)->reply != NULL)
            names[n++] = reason_row((enum reason)i)->name;
    meant = config_suggest(slice_of(config_setting_name(s)), names, n);
    if (meant != NULL)
        return setting_error(r, s, "no reason that is replied to; did you mean \"%s\"?", meant);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%s", i > 0 ? ", " : "", names[i]);
    return setting_error(r, s, "no reason that is replied to. There are: %s", text);
}

static int read_reply(struct reader *r, const config_setting_t *s, struct reply_config *reply)
{
    static const struct setting reply_row = {"", SETTING_PARSED, .allowed = "a reply such as 550 5.7.1 Not allowed"};
    enum reason reason;
    struct slice text;

    if (!reason_find(slice_of(config_setting_name(s)), &reason) || reason_row(reason)->reply == NULL)
        return unknown_reason(r, s);
    if (setting_text(r, s, &reply_row, &text) != 0)
        return -1;
    if (reply_check(text, r->e) != 0 || reply_text_check(text, r->e) != 0)
        return setting_error_around(r, s);
    *reply = (struct reply_config){.reason = reason_row(reason)->name, .text = config_keep(r, text)};
    return reply->text != NULL ? 0 : -1;
}

int read_replies(struct reader *r, const config_setting_t *s, const struct setting *row, void *at)
{
    struct config *c = at;
    size_t n;

    (void)row;
    if (s == NULL)
        return 0;
    if (!config_setting_is_group(s))
        return setting_error(r, s, "found %s; expected a group: { mailbox-disabled = \"550 ...\"; }",
                             setting_found(s).text);
    n = (size_t)config_setting_length(s);
    if ((c->replies = config_alloc(r, n, sizeof *c->replies)) == NULL)
        return -1;
    for (; c->n_replies < n; c->n_replies++)
        if (read_reply(r, config_setting_get_elem(s, (unsigned)c->n_replies), &c->replies[c->n_replies]) != 0)
            return -1;
    return 0;
}
