/* Finds where a service of master.cf asks postern. */
#include "core/report/postfix_check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>

/* The lists that smtpd evaluates, when they are (smtpd_delay_reject = yes), and when without it. */
static const struct {
    const char *name;
    enum asked_at at, undelayed;
} lists[] = {
    {"smtpd_client_restrictions", AT_RCPT, AT_CONNECT}, {"smtpd_helo_restrictions", AT_RCPT, AT_CONNECT},
    {"smtpd_sender_restrictions", AT_RCPT, AT_CONNECT}, {"smtpd_relay_restrictions", AT_RCPT, AT_RCPT},
    {"smtpd_recipient_restrictions", AT_RCPT, AT_RCPT}, {"smtpd_data_restrictions", AT_DATA, AT_DATA},
    {"smtpd_end_of_data_restrictions", AT_END, AT_END}, {"smtpd_etrn_restrictions", AT_CONNECT, AT_CONNECT},
};

/* ---- endpoints ---- */

/* "unix:PATH" or "local:PATH". */
static bool unix_path(struct slice endpoint, struct slice *path)
{
    struct slice type;

    return slice_cut(endpoint, ':', &type, path) && (slice_eq(type, SLICE("unix")) || slice_eq(type, SLICE("local")));
}

bool endpoint_path(const struct postfix_check *c, const struct postfix_service *service, struct slice endpoint,
                   char *out, size_t cap)
{
    struct slice path, queue = postfix_get(c->p, NULL, "queue_directory");
    bool absolute, inside = postfix_chroots(c->p, service);

    if (!unix_path(endpoint, &path))
        return false;
    absolute = path.n > 0 && path.p[0] == '/';
    if (absolute && !inside)
        (void)snprintf(out, cap, "%.*s", SLICE_ARG(path));
    else
        (void)snprintf(out, cap, "%.*s%s%.*s", SLICE_ARG(queue), absolute ? "" : "/", SLICE_ARG(path));
    return true;
}

/* "unix:/PATH", which is a socket below the queue directory and none below "/". */
static bool is_only_inside(struct slice queue, struct slice endpoint)
{
    char inside[1024], outside[1024];
    struct slice path;
    struct stat st;

    if (!unix_path(endpoint, &path) || path.n == 0 || path.p[0] != '/')
        return false;
    (void)snprintf(inside, sizeof inside, "%.*s%.*s", SLICE_ARG(queue), SLICE_ARG(path));
    (void)snprintf(outside, sizeof outside, "%.*s", SLICE_ARG(path));
    return stat(inside, &st) == 0 && S_ISSOCK(st.st_mode) && (stat(outside, &st) != 0 || !S_ISSOCK(st.st_mode));
}

/* The first such endpoint of a list, "{ unix:/PATH, option }" among it. */
static bool find_only_inside(struct slice queue, struct slice list, char *out, size_t cap)
{
    struct slice word, endpoint;

    while (postfix_word(&list, &word)) {
        struct slice inner = postfix_unbraced(word);

        if (postfix_word(&inner, &endpoint) && is_only_inside(queue, endpoint)) {
            (void)snprintf(out, cap, "%.*s", SLICE_ARG(endpoint));
            return true;
        }
    }
    return false;
}

bool postfix_bound_to_chroot(const struct postfix *p, const struct postfix_service *service, char *out, size_t cap)
{
    struct slice queue = postfix_get(p, NULL, "queue_directory"), sasl = postfix_get(p, service, "smtpd_sasl_path");
    char typed[1024];

    if (!postfix_chroots(p, service))
        return false;
    (void)snprintf(typed, sizeof typed, "%s%.*s", sasl.n > 0 && sasl.p[0] == '/' ? "unix:" : "", SLICE_ARG(sasl));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (find_only_inside(queue, postfix_get(p, service, lists[i].name), out, cap))
            return true;
    return find_only_inside(queue, postfix_get(p, service, "smtpd_milters"), out, cap) ||
           find_only_inside(queue, slice_of(typed), out, cap);
}

/* "inet:HOST:PORT", also without "inet:"; HOST perhaps in brackets. */
static bool same_tcp(struct slice endpoint, const struct listener_config *l)
{
    struct slice host = endpoint, port;
    unsigned long long number;
    size_t colon;
    struct ip a, b;

    if (slice_starts_with(host, SLICE("inet:")))
        host = (struct slice){host.p + 5, host.n - 5};
    for (colon = host.n; colon > 0 && host.p[colon - 1] != ':';)
        colon--;
    if (colon == 0 || l->host == NULL)
        return false;
    port = (struct slice){host.p + colon, host.n - colon};
    host.n = colon - 1;
    if (!slice_to_u64(port, 65535, &number) || number != l->port)
        return false;
    if (slice_eq(host, SLICE("localhost")))
        host = ip_parse(slice_of(l->host), &b) && ip_is_v4(&b) ? SLICE("127.0.0.1") : SLICE("::1");
    if (slice_eq(slice_of(l->host), SLICE("0.0.0.0")) || slice_eq(slice_of(l->host), SLICE("::")))
        return true;
    return ip_parse(host, &a) && ip_parse(slice_of(l->host), &b) && memcmp(&a, &b, sizeof a) == 0;
}

void postfix_name_listener(const struct postfix *p, const struct listener_config *l, char *out, size_t cap)
{
    struct slice queue = postfix_get(p, NULL, "queue_directory"), path;

    if (l->path == NULL) {
        bool any = strcmp(l->host, "0.0.0.0") == 0, any6 = strcmp(l->host, "::") == 0;
        bool v6 = strchr(l->host, ':') != NULL;

        (void)snprintf(out, cap, "inet:%s%s%s:%u", v6 ? "[" : "",
                       any    ? "127.0.0.1"
                       : any6 ? "::1"
                              : l->host,
                       v6 ? "]" : "", l->port);
        return;
    }
    path = slice_of(l->path);
    if (slice_starts_with(path, queue) && path.n > queue.n + 1 && path.p[queue.n] == '/')
        (void)snprintf(out, cap, "unix:%s", l->path + queue.n + 1);
    else
        (void)snprintf(out, cap, "unix:%s", l->path);
}

/* The listener at that address; the chroot is looked at later, so that its finding can say what is wrong. */
static bool same_address(const struct postfix_check *c, struct slice endpoint, const struct listener_config *l)
{
    struct slice path, queue = postfix_get(c->p, NULL, "queue_directory");
    char whole[1024];

    if (!unix_path(endpoint, &path))
        return same_tcp(endpoint, l);
    if (l->path == NULL)
        return false;
    if (slice_eq(path, slice_of(l->path)))
        return true;
    (void)snprintf(whole, sizeof whole, "%.*s%s%.*s", SLICE_ARG(queue), path.n > 0 && path.p[0] == '/' ? "" : "/",
                   SLICE_ARG(path));
    return strcmp(whole, l->path) == 0;
}

const struct listener_config *postfix_listener_at(const struct postfix_check *c, struct slice endpoint,
                                                  enum asked_at at)
{
    struct asked_program program = asked_program(c->config, at);

    for (size_t i = 0; i < program.n_listen; i++)
        if (same_address(c, endpoint, &program.listen[i]))
            return program.listen + i;
    return NULL;
}

struct asked_program asked_program(const struct config *config, enum asked_at at)
{
    if (at == AT_MILTER)
        return (struct asked_program){"milter", config->milter.listen, config->milter.n_listen};
    if (at == AT_AUTH)
        return (struct asked_program){"sasl", config->sasl.listen, config->sasl.n_listen};
    return (struct asked_program){"policyd", config->policyd.listen, config->policyd.n_listen};
}

bool endpoint_names_postern(struct slice endpoint)
{
    for (size_t i = 0; i + 7 <= endpoint.n; i++)
        if (slice_ieq((struct slice){endpoint.p + i, 7}, SLICE("postern")))
            return true;
    return false;
}

/* ---- lists ---- */

static void add_asking(const struct postfix_check *c, struct smtpd *s, const struct asking *asking)
{
    const struct listener_config *listener = postfix_listener_at(c, asking->target.endpoint, asking->at);

    if ((listener == NULL && !endpoint_names_postern(asking->target.endpoint)) || s->n == ASKINGS_MAX)
        return;
    s->askings[s->n] = *asking;
    s->askings[s->n++].listener = listener;
}

/* The first of the restrictions before the one with that number that permits, or may. */
static void find_permit(const struct postfix_check *c, const struct smtpd *s, size_t number, struct asking *asking)
{
    char entry[TABLE_ENTRY_MAX];
    struct restrictions l;
    struct restriction r;

    restrictions_start(&l, c->p, s->service, postfix_get(c->p, s->service, asking->list));
    for (size_t i = 0; i < number && restrictions_next(&l, &r); i++) {
        enum table_says says = TABLE_PERMITS_NOBODY;

        entry[0] = '\0';
        if (restriction_is_permit(&r))
            says = TABLE_PERMITS;
        else if (restriction_is_access(&r))
            says = table_permits(c->p, s->service, r.argument, NULL, entry);
        if (says == TABLE_PERMITS_NOBODY || (says == TABLE_UNKNOWN && asking->permit.word.n > 0))
            continue;
        asking->permit = r;
        asking->permit_unknown = says == TABLE_UNKNOWN;
        (void)snprintf(asking->permit_entry, sizeof asking->permit_entry, "%s", entry);
        if (says == TABLE_PERMITS)
            return;
    }
}

static void look_at_list(const struct postfix_check *c, struct smtpd *s, const char *name, enum asked_at at)
{
    struct restrictions l;
    struct restriction r;

    restrictions_start(&l, c->p, s->service, postfix_get(c->p, s->service, name));
    for (size_t number = 0; restrictions_next(&l, &r); number++) {
        struct asking asking = {.target = postfix_target(r.argument), .list = name, .at = at, .warns = r.warns};
        size_t before = s->n;

        if (!slice_ieq(r.word, SLICE("check_policy_service")))
            continue;
        add_asking(c, s, &asking);
        if (s->n > before)
            find_permit(c, s, number, &s->askings[before]);
    }
}

static bool has_option(struct slice options, struct slice wanted)
{
    struct slice word;

    while (postfix_word(&options, &word))
        if (slice_ieq(word, wanted))
            return true;
    return false;
}

static void look_at_milters(const struct postfix_check *c, struct smtpd *s)
{
    struct slice rest = postfix_get(c->p, s->service, "smtpd_milters"), word, ahead = {NULL, 0};
    bool off = has_option(postfix_get(c->p, s->service, "receive_override_options"), SLICE("no_milters"));
    size_t before = s->n;

    while (postfix_word(&rest, &word)) {
        struct asking asking = {.target = postfix_target(word), .list = "smtpd_milters", .at = AT_MILTER};
        size_t n = s->n;

        add_asking(c, s, &asking);
        if (s->n == n && s->n == before && ahead.n == 0)
            ahead = asking.target.endpoint;
    }
    if (s->n == before)
        return;
    s->milter_ahead = ahead;
    s->milters_off = off;
    if (off)
        s->n = before;
}

bool smtpd_on_loopback(const struct postfix_service *service)
{
    return slice_eq(service->type, SLICE("unix")) || slice_starts_with(service->name, SLICE("127.")) ||
           slice_starts_with(service->name, SLICE("localhost:")) || slice_starts_with(service->name, SLICE("[::1]:"));
}

bool smtpd_asks_at(const struct smtpd *s, enum asked_at at)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->askings[i].at == at)
            return true;
    return false;
}

const char *smtpd_relay_list(const struct postfix_check *c, const struct smtpd *s)
{
    return postfix_get(c->p, s->service, "smtpd_relay_restrictions").n > 0 ? "smtpd_relay_restrictions"
                                                                           : "smtpd_recipient_restrictions";
}

bool smtpd_look(const struct postfix_check *c, const struct postfix_service *service, struct smtpd *s)
{
    bool delayed = postfix_is_yes(c->p, service, "smtpd_delay_reject");

    *s = (struct smtpd){.service = service,
                        .logins = postfix_is_yes(c->p, service, "smtpd_sasl_auth_enable"),
                        .before_queue = postfix_get(c->p, service, "smtpd_proxy_filter").n > 0};
    if (!slice_eq(service->command, SLICE("smtpd")))
        return false;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        look_at_list(c, s, lists[i].name, delayed ? lists[i].at : lists[i].undelayed);
    look_at_milters(c, s);
    return s->logins || s->n > 0 || !smtpd_on_loopback(service);
}
