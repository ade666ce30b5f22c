/* Rules about main.cf as a whole, and who relays by address. */
#include "cli/output.h"
#include "cli/postfix_check.h"

#include <stdio.h>

static void check_idle(const struct postfix_check *c)
{
    uint64_t idle = postfix_get_time(c->p, NULL, "smtpd_policy_service_max_idle", 300);
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (c->config->policyd.n_listen == 0 || c->config->policyd.idle_timeout_s > idle)
        return;
    f = findings_add(c->findings, PF_IDLE_TIMEOUT, postfix_place(c->p, NULL, "smtpd_policy_service_max_idle", place),
                     "policyd.idle_timeout is %llu s, and Postfix keeps idle connections for %llu s: each request "
                     "on a connection that postern closed first costs a second",
                     (unsigned long long)c->config->policyd.idle_timeout_s, (unsigned long long)idle);
    finding_advise(f, "policyd = { idle_timeout = \"%llus\"; } in postern.conf",
                   (unsigned long long)postfix_get_time(c->p, NULL, "smtpd_policy_service_max_ttl", 1000) + 100);
}

static bool is_milters_path(const struct config *config, struct slice path)
{
    for (size_t i = 0; i < config->milter.n_listen; i++)
        if (config->milter.listen[i].path != NULL && slice_eq(path, slice_of(config->milter.listen[i].path)))
            return true;
    return false;
}

static void check_local_milter(const struct postfix_check *c)
{
    struct slice rest = postfix_get(c->p, NULL, "non_smtpd_milters"), word;
    char place[POSTFIX_PLACE_MAX];

    while (postfix_word(&rest, &word)) {
        struct postfix_target target = postfix_target(word);

        if (target.endpoint.n < 5 ||
            !is_milters_path(c->config, (struct slice){target.endpoint.p + 5, target.endpoint.n - 5}))
            continue;
        findings_add(c->findings, PF_LOCAL_MILTER, postfix_place(c->p, NULL, "non_smtpd_milters", place),
                     "mail of sendmail(1) on this host has neither login nor client; a refused recipient stays in "
                     "the queue as a configuration error");
    }
}

void postfix_check_main(const struct postfix_check *c)
{
    char place[POSTFIX_PLACE_MAX];

    check_idle(c);
    check_local_milter(c);
    if (postfix_is_yes(c->p, NULL, "soft_bounce"))
        findings_add(c->findings, PF_SOFT_BOUNCE, postfix_place(c->p, NULL, "soft_bounce", place),
                     "soft_bounce turns each refusal for good into one for now: clients try again for days");
}

/* ---- mynetworks ---- */

static bool within(const struct network *inner, const struct network *outer)
{
    return inner->prefix >= outer->prefix && network_contains(outer, &inner->base);
}

static bool is_loopback(const struct network *n)
{
    static const struct network v6 = {.base = {.b = {[15] = 1}}, .prefix = 128};
    static const struct network v4 = {.base = {.b = {[10] = 0xff, [11] = 0xff, [12] = 127}}, .prefix = 96 + 8};

    return within(n, &v4) || within(n, &v6);
}

static bool covered(const struct config *config, const struct network *n)
{
    for (size_t i = 0; i < config->n_connectors; i++)
        for (size_t j = 0; j < config->connectors[i].n_networks; j++)
            if (within(n, &config->connectors[i].networks[j]))
                return true;
    return is_loopback(n);
}

static void check_network(const struct postfix_check *c, struct slice word, const char *place)
{
    char shown[200];
    struct buf b = BUF_OVER(shown);
    struct network n;
    struct finding *f;
    struct error e;

    output_add_plain(&b, (struct slice){word.p, word.n < 100 ? word.n : 100});
    if (network_parse(word, &n, &e) != 0) {
        f = findings_add(c->findings, PF_MYNETWORKS, place,
                         "mynetworks names \"%s\", which is not looked into here: nobody knows whether its networks "
                         "are those of the connectors",
                         shown);
        f->severity = SEVERITY_LOW;
        return;
    }
    if (covered(c->config, &n))
        return;
    f = findings_add(c->findings, PF_MYNETWORKS, place,
                     "mynetworks has %s, and no connector holds all of it: clients there relay without login, limits "
                     "or a line in postern's journal",
                     shown);
    finding_advise(f, "remove %s from mynetworks, or add it to a connector's networks in postern.conf", shown);
}

void postfix_check_networks(const struct postfix_check *c)
{
    struct slice rest = postfix_get(c->p, NULL, "mynetworks"), word;
    char place[POSTFIX_PLACE_MAX];

    (void)postfix_place(c->p, NULL, "mynetworks", place);
    while (postfix_word(&rest, &word))
        if (word.n > 0 && word.p[0] != '!') /* an exclusion only makes it smaller */
            check_network(c, word, place);
}
