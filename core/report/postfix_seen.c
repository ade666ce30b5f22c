/* What was really seen: a configuration may look right, but not be the one that the running Postfix uses. */
#include "core/report/postfix_check.h"

#include "core/base/clock.h"

#include <stdio.h>

#define SEEN_MOST 20000u          /* how many records are read, the newest */
#define SEEN_ENOUGH 20u           /* fewer say nothing */
#define HIDDEN_SHARE_PERCENT 90   /* of them from one private address: a balancer */
#define HIDDEN_LOGINS 5           /* fewer different ones may be an application's or a branch office's */
#define LOOPBACK_SHARE_PERCENT 90 /* of the messages with a login from this host itself: a proxy or filter */

struct seen_stages {
    size_t records, all;
    size_t by[2], at_end[2], passed_early[2]; /* [0] policyd, [1] milter */
    size_t tls[2], logins[2];
    size_t with_login, from_loopback;
    struct ip most; /* of more than half of these, if any client is (Boyer and Moore's vote) */
    size_t votes;
};

/* What came from one client, of all with a login. */
struct seen_client {
    struct ip ip;
    size_t records, times, n_logins;
    char logins[HIDDEN_LOGINS][sizeof((struct journal_record *)0)->login]; /* different ones, the first */
};

static void vote(struct seen_stages *s, const struct journal_record *r)
{
    if (s->votes > 0 && memcmp(&s->most, &r->client, sizeof s->most) == 0)
        s->votes += r->times;
    else if (s->votes > r->times)
        s->votes -= r->times;
    else {
        s->votes = r->times - s->votes;
        s->most = r->client;
    }
}

static bool count_record(void *arg, const struct journal_record *r)
{
    struct seen_stages *s = arg;
    size_t by = r->milter ? 1 : 0;

    s->records++;
    if (r->stage == STAGE_AUTH) /* neither of the two was asked */
        return s->records < SEEN_MOST;
    s->all += r->times;
    s->by[by] += r->times;
    s->at_end[by] += r->stage >= STAGE_DATA ? r->times : 0;
    if (r->login[0] == '\0')
        return s->records < SEEN_MOST;
    s->logins[by] += r->times;
    s->tls[by] += r->tls != TLS_NONE ? r->times : 0;
    if (r->has_client) {
        s->with_login += r->times;
        s->from_loopback += ip_is_v4(&r->client) && r->client.b[12] == 127 ? r->times : 0;
        vote(s, r);
    }
    return s->records < SEEN_MOST;
}

static bool count_client(void *arg, const struct journal_record *r)
{
    struct seen_client *s = arg;
    size_t i = 0;

    s->records++;
    if (r->login[0] == '\0' || !r->has_client || memcmp(&s->ip, &r->client, sizeof s->ip) != 0)
        return s->records < SEEN_MOST;
    s->times += r->times;
    while (i < s->n_logins && strcmp(s->logins[i], r->login) != 0)
        i++;
    if (i == s->n_logins && i < HIDDEN_LOGINS)
        memcpy(s->logins[s->n_logins++], r->login, sizeof s->logins[0]);
    return s->records < SEEN_MOST;
}

/* RFC 1918, RFC 6598, RFC 4193: where balancers have their addresses. */
static bool is_private(const struct ip *ip)
{
    static const char *const networks[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                                           "fc00::/7"};
    struct network net;
    struct error none;

    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
        if (network_parse(slice_of(networks[i]), &net, &none) == 0 && network_contains(&net, ip))
            return true;
    return false;
}

/* Does each service that takes logins hear from a proxy who the client is? */
static bool told_by_proxy(const struct postfix_check *c)
{
    const struct postfix *p = c->p;

    for (size_t i = 0; i < p->n_services; i++)
        if (slice_eq(p->services[i].command, SLICE("smtpd")) &&
            postfix_is_yes(p, &p->services[i], "smtpd_sasl_auth_enable") &&
            postfix_get(p, &p->services[i], "smtpd_upstream_proxy_protocol").n == 0)
            return false;
    return true;
}

/* Nearly all logins, and several different ones, from one private address: that of a balancer, not of a client. */
static int judge_hidden(const struct postfix_check *c, struct journal *journal, const struct journal_query *query,
                        const struct seen_stages *s, struct error *e)
{
    struct seen_client client = {.ip = s->most};
    char text[IP_TEXT_MAX];

    if (s->with_login < SEEN_ENOUGH || s->votes == 0 || !is_private(&s->most) || told_by_proxy(c))
        return 0;
    if (journal_decisions(journal, query, count_client, &client, e) != 0)
        return -1;
    if (client.n_logins < HIDDEN_LOGINS || client.times * 100 <= s->with_login * HIDDEN_SHARE_PERCENT)
        return 0;
    findings_add(
        c->findings, PF_SEEN_HIDDEN, "",
        "%zu of %zu decisions about logins came from %.*s alone, with %d logins and more: a balancer that hides its "
        "clients? Limits and blocks by client and network then meet everybody at once",
        client.times, s->with_login, SLICE_ARG(ip_text(&client.ip, text)), HIDDEN_LOGINS);
    return 0;
}

static void seen_judge(const struct postfix_check *c, const struct seen_stages *s, uint64_t days)
{
    if (s->all == 0) {
        findings_add(c->findings, PF_SEEN_NOTHING, "", "postern has decided nothing in the last %llu days",
                     (unsigned long long)days);
        return;
    }
    if (s->all >= SEEN_ENOUGH && s->at_end[0] + s->at_end[1] == 0)
        findings_add(c->findings, PF_SEEN_NO_END, "",
                     "of the last %zu decisions none was made at DATA or at the end of a message: nothing is counted",
                     s->all);
    if (s->logins[1] >= SEEN_ENOUGH && s->tls[1] == 0 && s->logins[0] > 0 && s->tls[0] > 0)
        findings_add(c->findings, PF_SEEN_NO_TLS, "",
                     "the policy server saw TLS with %zu of %zu logins, the milter with none of %zu", s->tls[0],
                     s->logins[0], s->logins[1]);
    if (s->with_login >= SEEN_ENOUGH && s->from_loopback * 100 >= s->with_login * LOOPBACK_SHARE_PERCENT)
        findings_add(c->findings, PF_SEEN_LOOPBACK, "",
                     "%zu of %zu decisions about logins came from 127.0.0.0/8: limits per client count one client",
                     s->from_loopback, s->with_login);
}

int postfix_check_seen(const struct postfix_check *c, struct journal *journal, uint64_t since_ns, struct error *e)
{
    struct seen_stages s = {.all = 0};
    const struct journal_query query = {.since_ns = since_ns};
    uint64_t now = clock_wall_ns();

    if (journal == NULL) {
        for (size_t i = PF_SEEN_NOTHING; i <= PF_SEEN_HIDDEN; i++)
            findings_skip(c->findings, i, "there is no journal of decisions");
        return 0;
    }
    if (journal_decisions(journal, &query, count_record, &s, e) != 0)
        return -1;
    seen_judge(c, &s, (now - since_ns + 43200 * NS_PER_S) / (86400 * NS_PER_S));
    return judge_hidden(c, journal, &query, &s, e);
}
