/* Finds where a service of master.cf asks postern. */
#include "cli/postfix_check.h"

#include <arpa/inet.h>
#include <stdio.h>

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

/* Words that end a list with yes, for some or for all. Tables (check_*_access) may, but need not. */
static const char *const permits[] = {
    "permit",
    "permit_mynetworks",
    "permit_sasl_authenticated",
    "permit_tls_clientcerts",
    "permit_tls_all_clientcerts",
    "permit_inet_interfaces",
    "permit_auth_destination",
    "permit_mx_backup",
    "permit_dnswl_client",
    "permit_rhswl_client",
};

static bool is_permit(struct slice word)
{
    for (size_t i = 0; i < sizeof permits / sizeof permits[0]; i++)
        if (slice_ieq(word, slice_of(permits[i])))
            return true;
    return false;
}

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

static const struct listener_config *listener_at(const struct postfix_check *c, struct slice endpoint, bool milter)
{
    const struct listener_config *list = milter ? c->config->milter.listen : c->config->policyd.listen;
    size_t n = milter ? c->config->milter.n_listen : c->config->policyd.n_listen;

    for (size_t i = 0; i < n; i++)
        if (same_address(c, endpoint, &list[i]))
            return &list[i];
    return NULL;
}

/* By its name: then it is meant to be postern, though nobody of it listens there. */
static bool named_postern(struct slice endpoint)
{
    for (size_t i = 0; i + 7 <= endpoint.n; i++)
        if (slice_ieq((struct slice){endpoint.p + i, 7}, SLICE("postern")))
            return true;
    return false;
}

/* ---- lists ---- */

static void add_asking(const struct postfix_check *c, struct smtpd *s, struct asking asking)
{
    asking.listener = listener_at(c, asking.target.endpoint, asking.at == AT_MILTER);
    if ((asking.listener != NULL || named_postern(asking.target.endpoint)) && s->n < ASKINGS_MAX)
        s->askings[s->n++] = asking;
}

static void look_at_list(const struct postfix_check *c, struct smtpd *s, const char *name, enum asked_at at)
{
    struct slice rest = postfix_get(c->p, s->service, name), word, permit = {NULL, 0};
    bool warns = false, policy = false;

    while (postfix_word(&rest, &word)) {
        if (policy) {
            add_asking(c, s,
                       (struct asking){
                           .target = postfix_target(word), .list = name, .at = at, .permit = permit, .warns = warns});
            policy = warns = false;
        } else if (slice_ieq(word, SLICE("check_policy_service"))) {
            policy = true;
        } else if (slice_ieq(word, SLICE("warn_if_reject"))) {
            warns = true;
        } else {
            if (permit.n == 0 && is_permit(word) && !warns)
                permit = word;
            warns = false;
        }
    }
}

bool smtpd_has_word(const struct postfix_check *c, const struct smtpd *s, struct slice wanted)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct slice rest = postfix_get(c->p, s->service, lists[i].name), word;

        while (postfix_word(&rest, &word))
            if (slice_ieq(word, wanted))
                return true;
    }
    return false;
}

static void look_at_milters(const struct postfix_check *c, struct smtpd *s)
{
    struct slice rest = postfix_get(c->p, s->service, "smtpd_milters"), word;

    while (postfix_word(&rest, &word))
        add_asking(c, s, (struct asking){.target = postfix_target(word), .list = "smtpd_milters", .at = AT_MILTER});
}

/* "127.0.0.1:10025", "localhost:smtp", "[::1]:25": the way back from a content filter. */
static bool on_loopback(struct slice name)
{
    return slice_starts_with(name, SLICE("127.")) || slice_starts_with(name, SLICE("localhost:")) ||
           slice_starts_with(name, SLICE("[::1]:"));
}

bool smtpd_look(const struct postfix_check *c, const struct postfix_service *service, struct smtpd *s)
{
    bool delayed = postfix_is_yes(c->p, service, "smtpd_delay_reject");

    *s = (struct smtpd){.service = service, .logins = postfix_is_yes(c->p, service, "smtpd_sasl_auth_enable")};
    if (!slice_eq(service->command, SLICE("smtpd")))
        return false;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        look_at_list(c, s, lists[i].name, delayed ? lists[i].at : lists[i].undelayed);
    look_at_milters(c, s);
    return s->logins || s->n > 0 || !on_loopback(service->name);
}
