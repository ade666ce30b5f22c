/* Rules about mail that leaves Postfix for a filter and comes back through another smtpd. */
#include "core/report/postfix_check.h"

static bool has_filter(const struct postfix_check *c, const struct postfix_service *service)
{
    return postfix_get(c->p, service, "content_filter").n > 0 || postfix_get(c->p, service, "smtpd_proxy_filter").n > 0;
}

/* Does some service give mail to a filter? */
static bool filters_exist(const struct postfix_check *c)
{
    for (size_t i = 0; i < c->p->n_services; i++)
        if (slice_eq(c->p->services[i].command, SLICE("smtpd")) && has_filter(c, &c->p->services[i]))
            return true;
    return false;
}

bool smtpd_is_way_back(const struct postfix_check *c, const struct smtpd *s)
{
    return !s->logins && !has_filter(c, s->service) &&
           (smtpd_on_loopback(s->service) ? filters_exist(c) : has_filter(c, NULL));
}

/* Nothing is asked there, and only this host may come in. */
static void command_alone(const struct postfix_check *c, const struct smtpd *s, struct finding *f)
{
    static const struct postfix_own settings[] = {
        {"smtpd_relay_restrictions", "permit_mynetworks,reject"},
        {"mynetworks", "127.0.0.0/8"},
        {"smtpd_client_restrictions", ""},
        {"smtpd_sender_restrictions", ""},
        {"smtpd_recipient_restrictions", ""},
        {"smtpd_data_restrictions", ""},
        {"smtpd_end_of_data_restrictions", ""},
        {"smtpd_milters", ""},
    };

    finding_set_own(f, c, s, settings, sizeof settings / sizeof settings[0]);
}

void postfix_check_filters(const struct postfix_check *c, const struct smtpd *s)
{
    static const struct network loopback = {.base = {.b = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}},
                                            .prefix = 128};
    bool connector = connectors_cover(c->config, &loopback);
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (s->n == 0 || !smtpd_is_way_back(c, s))
        return;
    f = findings_add(c->findings, PF_WAY_BACK, postfix_place(c->p, s->service, NULL, place),
                     "service %.*s takes back what a filter has looked at, and asks postern about it as about a client "
                     "at 127.0.0.1 without a login: %s",
                     SLICE_ARG(s->service->name),
                     connector ? "it is judged and counted a second time, as a connector's"
                     : c->config->reject_unauthenticated
                         ? "unauthenticated = \"reject\" refuses all of it, so that every message that was accepted "
                           "bounces"
                         : "that is for nothing, and with unauthenticated = \"reject\" every accepted message would "
                           "bounce");
    if (connector || !c->config->reject_unauthenticated)
        f->severity = connector ? SEVERITY_HIGH : SEVERITY_LOW;
    command_alone(c, s, f);
}
