/* Rules about a service that asks postern, apart from how it asks. */
#include "core/report/postfix_check.h"

/* Passwords could be read on the network, except at a service for a front on this host. */
static void check_tls(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (smtpd_on_loopback(s->service) || postfix_is_yes(c->p, s->service, "smtpd_tls_auth_only") ||
        postfix_is_yes(c->p, s->service, "smtpd_tls_wrappermode") ||
        slice_eq(postfix_get(c->p, s->service, "smtpd_tls_security_level"), SLICE("encrypt")))
        return;
    f = findings_add(
        c->findings, PF_TLS_AUTH_ONLY, postfix_place(c->p, s->service, "smtpd_tls_auth_only", place),
        "service %.*s offers AUTH before STARTTLS: clients send passwords that anybody on the way can read",
        SLICE_ARG(s->service->name));
    finding_set(f, c, s, "smtpd_tls_auth_only", SLICE("yes"));
}

static void check_anonymous(const struct postfix_check *c, const struct smtpd *s)
{
    struct slice options = postfix_get(c->p, s->service, "smtpd_sasl_security_options"), word;
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    while (postfix_word(&options, &word))
        if (slice_ieq(word, SLICE("noanonymous")))
            return;
    f = findings_add(c->findings, PF_ANONYMOUS, postfix_place(c->p, s->service, "smtpd_sasl_security_options", place),
                     "service %.*s may offer the mechanism ANONYMOUS: a login that is nobody's",
                     SLICE_ARG(s->service->name));
    finding_set(f, c, s, "smtpd_sasl_security_options", SLICE("noanonymous"));
}

static void check_newlines(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX];
    struct slice value;
    struct finding *f;

    if (!postfix_find(c->p, s->service, "smtpd_forbid_bare_newline", &value)) {
        f = findings_add(c->findings, PF_BARE_NEWLINE, "", "Postfix %.*s does not know smtpd_forbid_bare_newline",
                         SLICE_ARG(postfix_get(c->p, NULL, "mail_version")));
        finding_advise(f, "upgrade Postfix (3.5.23, 3.6.13, 3.7.9, 3.8.4 and later have it); until then: "
                          "smtpd_forbid_unauth_pipelining = yes, smtpd_discard_ehlo_keywords = chunking");
        return;
    }
    if (!slice_ieq(value, SLICE("no")) && !slice_ieq(value, SLICE("note")))
        return;
    f = findings_add(c->findings, PF_BARE_NEWLINE, postfix_place(c->p, s->service, "smtpd_forbid_bare_newline", place),
                     "service %.*s says \"%.*s\" to bare line ends: a second message can be hidden in the first, with "
                     "any sender, past all of postern's rules",
                     SLICE_ARG(s->service->name), SLICE_ARG(value));
    finding_set(f, c, s, "smtpd_forbid_bare_newline", SLICE("normalize"));
}

/* Networks of this host itself, as the tests and filters of it use them. */
static bool only_loopback(struct slice hosts)
{
    struct slice word;

    while (postfix_word(&hosts, &word))
        if (!slice_starts_with(word, SLICE("127.")) && !slice_starts_with(word, SLICE("[::1]")) &&
            !slice_eq(word, SLICE("::1")) && !slice_eq(word, SLICE("localhost")))
            return false;
    return true;
}

static void check_xclient(const struct postfix_check *c, const struct smtpd *s)
{
    struct slice hosts = postfix_get(c->p, s->service, "smtpd_authorized_xclient_hosts");
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (hosts.n == 0)
        return;
    f = findings_add(c->findings, PF_XCLIENT, postfix_place(c->p, s->service, "smtpd_authorized_xclient_hosts", place),
                     "%s may use XCLIENT at service %.*s, and so claim any client address and any login without a "
                     "password",
                     postfix_shown(hosts).text, SLICE_ARG(s->service->name));
    finding_set(f, c, s, "smtpd_authorized_xclient_hosts", (struct slice){NULL, 0});
    if (only_loopback(hosts))
        f->severity = SEVERITY_INFO;
}

static bool told_of_front(const struct smtpd *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct listener_config *l = s->askings[i].listener;

        if (l != NULL && (l->front.tls != TLS_ANY || l->front.method[0] != '\0'))
            return true;
    }
    return false;
}

/* A service for a front on this host, which signs clients in and names them by XCLIENT. */
static void check_front(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (!s->logins || s->n == 0 || !smtpd_on_loopback(s->service) ||
        postfix_last_of(s->service->own, s->service->n_own, SLICE("smtpd_authorized_xclient_hosts")) == NULL)
        return;
    if (postfix_is_yes(c->p, s->service, "smtpd_tls_auth_only")) {
        f = findings_add(c->findings, PF_FRONT, postfix_place(c->p, s->service, "smtpd_tls_auth_only", place),
                         "service %.*s takes logins by XCLIENT, but smtpd_tls_auth_only drops those of a front that "
                         "comes without TLS: their mail is refused as a stranger's",
                         SLICE_ARG(s->service->name));
        f->severity = SEVERITY_MEDIUM;
        finding_set_own(f, c, s, &(struct postfix_own){"smtpd_tls_auth_only", "no"}, 1);
    }
    if (!told_of_front(s))
        findings_add(c->findings, PF_FRONT, postfix_place(c->p, s->service, "smtpd_authorized_xclient_hosts", place),
                     "service %.*s takes logins by XCLIENT, which has no words for TLS and mechanism, and asks where "
                     "postern knows of no front: tls.required refuses them, and every login counts as a password",
                     SLICE_ARG(s->service->name));
}

static void check_proxy_protocol(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX];

    if (postfix_get(c->p, s->service, "smtpd_upstream_proxy_protocol").n == 0 || smtpd_on_loopback(s->service))
        return;
    findings_add(c->findings, PF_PROXY_PROTOCOL,
                 postfix_place(c->p, s->service, "smtpd_upstream_proxy_protocol", place),
                 "service %.*s believes whoever connects which client it speaks for, and others than this host can "
                 "connect: they can be any connector's device",
                 SLICE_ARG(s->service->name));
}

void postfix_check_service(const struct postfix_check *c, const struct smtpd *s)
{
    if (s->logins) {
        check_tls(c, s);
        check_anonymous(c, s);
    }
    check_newlines(c, s);
    check_xclient(c, s);
    check_front(c, s);
    check_proxy_protocol(c, s);
}
