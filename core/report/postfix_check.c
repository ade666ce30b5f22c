#include "core/report/postfix_check.h"

#include "core/base/clock.h"

#define SEEN_DAYS 7u

/* Of two services of one name and type master(8) runs the last, with a warning in the log. */
static void check_doubles(const struct postfix_check *c)
{
    const struct postfix *p = c->p;
    char place[POSTFIX_PLACE_MAX];

    for (size_t i = 0; i < p->n_services; i++)
        for (size_t j = 0; j < i; j++)
            if (slice_eq(p->services[i].name, p->services[j].name) &&
                slice_eq(p->services[i].type, p->services[j].type)) {
                findings_add(c->findings, PF_DOUBLE_SERVICE, postfix_place(p, &p->services[i], NULL, place),
                             "%.*s/%.*s is in master.cf twice: Postfix uses the last one and ignores the other",
                             SLICE_ARG(p->services[i].name), SLICE_ARG(p->services[i].type));
                break;
            }
}

/* postmulti(1): each instance has a folder, and services, of its own. */
static void check_instances(const struct postfix_check *c)
{
    struct slice others = postfix_get(c->p, NULL, "multi_instance_directories");
    char place[POSTFIX_PLACE_MAX];

    if (others.n > 0)
        findings_add(c->findings, PF_OTHER_INSTANCES, postfix_place(c->p, NULL, "multi_instance_directories", place),
                     "Postfix has other instances, which were not looked at: %s", postfix_shown(others).text);
}

int postfix_check_all(const struct config *config, struct journal *journal, const struct postfix *p, struct findings *f,
                      struct error *e)
{
    struct postfix_check c = {.p = p, .config = config, .findings = f};
    struct cloud_networks cloud;
    struct error why;
    bool logins = false;
    struct smtpd s;
    int rc;

    f->merge = true;
    if (cloud_networks_load(config, &cloud, &why) == 0)
        c.cloud = &cloud;
    else
        findings_skip(f, PF_CLOUD_OPEN, why.text);
    for (size_t i = 0; i < p->n_services; i++) {
        if (!smtpd_look(&c, &p->services[i], &s))
            continue;
        logins = logins || s.logins;
        postfix_check_asking(&c, &s);
        postfix_check_lists(&c, &s);
        postfix_check_milter(&c, &s);
        postfix_check_relay(&c, &s);
        postfix_check_networks(&c, &s);
        postfix_check_door(&c, &s);
        postfix_check_filters(&c, &s);
        postfix_check_service(&c, &s);
    }
    if (!logins)
        findings_add(f, PF_NO_SERVICE, "master.cf", "no service has smtpd_sasl_auth_enable = yes: nobody can log in");
    check_doubles(&c);
    check_instances(&c);
    postfix_check_main(&c);
    postfix_check_dovecot(&c);
    rc = postfix_check_seen(&c, journal, clock_wall_ns() - SEEN_DAYS * 86400 * NS_PER_S, e);
    cloud_networks_free(&cloud);
    return rc;
}
