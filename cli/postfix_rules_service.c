/* Rules about a service that asks postern, beside how it asks. */
#include "cli/output.h"
#include "cli/postfix_check.h"

#include <stdio.h>

/* What postern-milter needs to be told, and with which command (milter/negotiate.c asks for these by name). */
static const char *const needed_macros[] = {"{auth_authen}", "{auth_type}"};
#define MILTER_PROTOCOL_LEAST 6u /* since then a milter says itself which macros it wants */

static bool asks_milter(const struct smtpd *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->askings[i].at == AT_MILTER)
            return true;
    return false;
}

static void check_tls_and_sasl(const struct postfix_check *c, const struct smtpd *s)
{
    const struct postfix_service *service = s->service;
    struct slice options = postfix_get(c->p, service, "smtpd_sasl_security_options"), word;
    char place[POSTFIX_PLACE_MAX];
    bool anonymous = true;

    if (!s->logins)
        return;
    if (!postfix_is_yes(c->p, service, "smtpd_tls_auth_only") &&
        !postfix_is_yes(c->p, service, "smtpd_tls_wrappermode") &&
        !slice_eq(postfix_get(c->p, service, "smtpd_tls_security_level"), SLICE("encrypt")))
        findings_add(
            c->findings, PF_TLS_AUTH_ONLY, postfix_place(c->p, service, "smtpd_tls_auth_only", place),
            "service %.*s offers AUTH before STARTTLS: clients send passwords that anybody on the way can read",
            SLICE_ARG(service->name));
    while (postfix_word(&options, &word))
        anonymous = anonymous && !slice_ieq(word, SLICE("noanonymous"));
    if (anonymous)
        findings_add(c->findings, PF_ANONYMOUS, postfix_place(c->p, service, "smtpd_sasl_security_options", place),
                     "service %.*s may offer the mechanism ANONYMOUS: a login that is nobody's",
                     SLICE_ARG(service->name));
}

static void check_milter_setting(const struct postfix_check *c, const struct smtpd *s)
{
    struct slice protocol = postfix_get(c->p, s->service, "milter_protocol"), macros, rest, word;
    struct slice maps = postfix_get(c->p, s->service, "smtpd_milter_maps");
    unsigned long long version;
    char place[POSTFIX_PLACE_MAX];

    if (!asks_milter(s))
        return;
    if (maps.n > 0)
        findings_add(c->findings, PF_MILTER_SWITCHED_OFF, postfix_place(c->p, s->service, "smtpd_milter_maps", place),
                     "smtpd_milter_maps of service %.*s may switch the milter off for the clients that it names",
                     SLICE_ARG(s->service->name));
    rest = protocol;
    if (postfix_word(&rest, &word) && slice_to_u64(word, 100, &version) && version >= MILTER_PROTOCOL_LEAST)
        return;
    macros = postfix_get(c->p, s->service, "milter_mail_macros");
    for (size_t i = 0; i < sizeof needed_macros / sizeof needed_macros[0]; i++) {
        bool there = false;

        for (rest = macros; postfix_word(&rest, &word);)
            there = there || slice_eq(word, slice_of(needed_macros[i]));
        if (!there)
            findings_add(
                c->findings, PF_MILTER_MACROS, postfix_place(c->p, s->service, "milter_mail_macros", place),
                "milter_protocol is %.*s, so that the milter cannot ask for its macros, and milter_mail_macros "
                "lacks %s: postern-milter takes every login for none",
                SLICE_ARG(protocol), needed_macros[i]);
    }
    findings_add(c->findings, PF_MILTER_MACROS, postfix_place(c->p, s->service, "milter_protocol", place),
                 "milter_protocol is %.*s: the milter cannot ask for {tls_version} with MAIL, and sees no TLS for "
                 "clients that say STARTTLS and no second EHLO",
                 SLICE_ARG(protocol));
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
    findings_add(c->findings, PF_BARE_NEWLINE, postfix_place(c->p, s->service, "smtpd_forbid_bare_newline", place),
                 "service %.*s takes \"%.*s\" to bare line ends: a second message can be hidden in the first, with "
                 "any sender, past all of postern's rules",
                 SLICE_ARG(s->service->name), SLICE_ARG(value));
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
    char place[POSTFIX_PLACE_MAX], shown[200];
    struct buf b = BUF_OVER(shown);
    struct finding *f;

    if (hosts.n == 0)
        return;
    output_add_plain(&b, (struct slice){hosts.p, hosts.n < 100 ? hosts.n : 100});
    f = findings_add(c->findings, PF_XCLIENT, postfix_place(c->p, s->service, "smtpd_authorized_xclient_hosts", place),
                     "%s may use XCLIENT at service %.*s, and so claim any client address and any login without a "
                     "password",
                     shown, SLICE_ARG(s->service->name));
    if (only_loopback(hosts))
        f->severity = SEVERITY_INFO;
}

void postfix_check_service(const struct postfix_check *c, const struct smtpd *s)
{
    check_tls_and_sasl(c, s);
    check_milter_setting(c, s);
    check_newlines(c, s);
    check_xclient(c, s);
}
