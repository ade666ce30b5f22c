/* Rules about how one service asks postern: where in which list, with what default, and for how long it waits. */
#include "cli/output.h"
#include "cli/postfix_check.h"

#include <stdio.h>

/*
 * A client waits five minutes for the reply to RCPT or DATA (RFC 5321 4.5.3.2), and a policy service is asked twice; a
 * hanging postern should cost a message, not all of Postfix's processes for minutes.
 */
#define POLICY_TIMEOUT_MOST 30u
#define MILTER_CONNECT_MOST 30u
#define MILTER_COMMAND_MOST 60u
#define MILTER_CONTENT_MOST 300u

struct words {
    char text[300];
};

static struct words shown(struct slice s)
{
    struct words w;
    struct buf b = BUF_OVER(w.text);

    output_add_plain(&b, (struct slice){s.p, s.n < 120 ? s.n : 120});
    return w;
}

static bool asks_at(const struct smtpd *s, enum asked_at at)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->askings[i].at == at)
            return true;
    return false;
}

static const char *place_of(const struct postfix_check *c, const struct smtpd *s, const char *name,
                            char out[POSTFIX_PLACE_MAX])
{
    return postfix_place(c->p, s->service, name, out);
}

/* ---- the service as a whole ---- */

static void check_not_asked(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    f = findings_add(c->findings, PF_NOT_ASKED, place_of(c, s, NULL, place),
                     "service %s takes %s, and neither its restrictions nor its milters name postern",
                     shown(s->service->name).text, s->logins ? "logins" : "mail without a login");
    if (s->logins)
        return;
    /* Without logins it matters for connectors only: those that come in here relay unseen. */
    f->severity = c->config->n_connectors > 0 ? SEVERITY_HIGH : SEVERITY_INFO;
    finding_advise(f, "if connectors send here: -o smtpd_relay_restrictions=$postern_relay_restrictions, "
                      "-o smtpd_end_of_data_restrictions=$postern_end_of_data_restrictions, "
                      "-o smtpd_milters=$postern_milter");
}

static void check_counting(const struct postfix_check *c, const struct smtpd *s)
{
    bool policyd = asks_at(s, AT_DATA) || asks_at(s, AT_END), milter = asks_at(s, AT_MILTER);
    enum charge_where charge = c->config->charge;
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if ((charge == CHARGE_AUTO && (policyd || milter)) || (charge == CHARGE_POLICYD && policyd) ||
        (charge == CHARGE_MILTER && milter))
        return;
    f = findings_add(c->findings, PF_CANNOT_COUNT, place_of(c, s, "smtpd_end_of_data_restrictions", place),
                     "service %s asks postern%s, but not where messages are counted%s: no limit ever fills",
                     shown(s->service->name).text, asks_at(s, AT_CONNECT) ? " at the beginning" : " about recipients",
                     charge == CHARGE_MILTER    ? " (charge = \"milter\" in postern.conf)"
                     : charge == CHARGE_POLICYD ? " (charge = \"policyd\" in postern.conf)"
                                                : "");
    if (charge == CHARGE_MILTER)
        finding_advise(f, "-o smtpd_milters=$postern_milter, or charge = \"auto\" in postern.conf");
}

static void check_recipients(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX];

    if (asks_at(s, AT_RCPT) || asks_at(s, AT_MILTER) || asks_at(s, AT_CONNECT))
        return;
    findings_add(c->findings, PF_NO_RECIPIENTS, place_of(c, s, "smtpd_relay_restrictions", place),
                 "service %s asks only when the message is over: the client learns late that it may not send, and of "
                 "several recipients postern is told none, so that it cannot keep a connector to internal ones",
                 shown(s->service->name).text);
}

/* ---- one asking ---- */

static void check_place(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (a->at == AT_CONNECT)
        findings_add(c->findings, PF_EARLY_STAGE, place_of(c, s, a->list, place),
                     "%s of service %s is evaluated before the client has logged in or named a sender%s: postern can "
                     "say nothing there",
                     a->list, shown(s->service->name).text,
                     strcmp(a->list, "smtpd_etrn_restrictions") == 0 ? "" : " (smtpd_delay_reject = no)");
    if (a->warns)
        findings_add(c->findings, PF_WARN_ONLY, place_of(c, s, a->list, place),
                     "warn_if_reject stands before check_policy_service in %s: what postern refuses is logged and let "
                     "through",
                     a->list);
    if (a->permit.n == 0)
        return;
    f = findings_add(c->findings, PF_PERMIT_IN_FRONT, place_of(c, s, a->list, place),
                     "%s stands before check_policy_service in %s of service %s: whom it permits is never shown to "
                     "postern's policy service",
                     shown(a->permit).text, a->list, shown(s->service->name).text);
    finding_advise(f, "%s = check_policy_service %s ... %s ...", a->list, shown(a->target.endpoint).text,
                   shown(a->permit).text);
    if (asks_at(s, AT_MILTER)) /* which sees them all the same */
        f->severity = SEVERITY_MEDIUM;
}

static void check_listener(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    /* The first of them; NULL where there is none. */
    const struct listener_config *l = a->at == AT_MILTER ? c->config->milter.listen : c->config->policyd.listen;
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (a->listener != NULL || (l != NULL && l->fd >= 0)) /* "fd:3" does not say where */
        return;
    f = findings_add(c->findings, PF_WRONG_SOCKET, place_of(c, s, a->list, place),
                     "%s asks at %s, but %s listens at %s", a->list, shown(a->target.endpoint).text,
                     a->at == AT_MILTER ? "postern-milter" : "postern-policyd",
                     l != NULL ? shown(slice_of(l->address)).text : "no address");
    if (l != NULL)
        finding_advise(f, "use %s in %s", shown(slice_of(l->address)).text, a->list);
}

/* What lets mail through when nobody answers. */
static bool lets_through(struct slice action, bool milter)
{
    static const char *const policy[] = {"dunno", "ok", "permit", "pass", "warn", "info", "prepend", "bcc"};
    struct slice word, rest = action;

    if (milter)
        return slice_ieq(action, SLICE("accept"));
    if (!postfix_word(&rest, &word))
        return true; /* an empty action is no refusal */
    for (size_t i = 0; i < sizeof policy / sizeof policy[0]; i++)
        if (slice_ieq(word, slice_of(policy[i])))
            return true;
    return false;
}

static void check_default_action(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    bool milter = a->at == AT_MILTER;
    const char *global = milter ? "milter_default_action" : "smtpd_policy_service_default_action";
    char place[POSTFIX_PLACE_MAX];
    struct slice action;
    bool own = postfix_option(&a->target, SLICE("default_action"), &action);

    if (!own)
        action = postfix_get(c->p, s->service, global);
    if (!lets_through(action, milter))
        return;
    findings_add(c->findings, milter ? PF_MILTER_DEFAULT_ACTION : PF_POLICY_DEFAULT_ACTION,
                 place_of(c, s, own ? a->list : global, place),
                 "default_action \"%s\" for %s: while postern does not answer, everything passes unchecked",
                 shown(action).text, shown(a->target.endpoint).text);
}

struct time_row {
    enum asked_at at; /* AT_MILTER, or anything else for policy */
    const char *option, *global;
    uint64_t most;
};

static const struct time_row times[] = {
    {AT_RCPT, "timeout", "smtpd_policy_service_timeout", POLICY_TIMEOUT_MOST},
    {AT_MILTER, "connect_timeout", "milter_connect_timeout", MILTER_CONNECT_MOST},
    {AT_MILTER, "command_timeout", "milter_command_timeout", MILTER_COMMAND_MOST},
    {AT_MILTER, "content_timeout", "milter_content_timeout", MILTER_CONTENT_MOST},
};

static void check_times(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char place[POSTFIX_PLACE_MAX];
        struct finding *f;
        struct slice value;
        bool own;

        if ((times[i].at == AT_MILTER) != (a->at == AT_MILTER))
            continue;
        own = postfix_option(&a->target, slice_of(times[i].option), &value);
        if (!own)
            value = postfix_get(c->p, s->service, times[i].global);
        if (postfix_time(value, 0) <= times[i].most)
            continue;
        f = findings_add(c->findings, PF_TIMEOUT, place_of(c, s, own ? a->list : times[i].global, place),
                         "%s for %s is %s%s: a postern that hangs holds each of Postfix's processes for so long",
                         own ? times[i].option : times[i].global, shown(a->target.endpoint).text, shown(value).text,
                         a->at == AT_MILTER ? "" : ", and it is asked twice");
        finding_advise(f, "{ %s, %s=%us }", shown(a->target.endpoint).text, times[i].option,
                       a->at == AT_MILTER ? (unsigned)times[i].most : 20u);
    }
}

static bool asked_before(const struct smtpd *s, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (slice_eq(s->askings[j].target.endpoint, s->askings[i].target.endpoint) &&
            slice_eq(s->askings[j].target.options, s->askings[i].target.options) &&
            (s->askings[j].at == AT_MILTER) == (s->askings[i].at == AT_MILTER))
            return true;
    return false;
}

void postfix_check_asking(const struct postfix_check *c, const struct smtpd *s)
{
    if (s->n == 0) {
        check_not_asked(c, s);
        return;
    }
    check_counting(c, s);
    check_recipients(c, s);
    for (size_t i = 0; i < s->n; i++) {
        check_place(c, s, &s->askings[i]);
        if (asked_before(s, i)) /* the same address and options in another list */
            continue;
        check_listener(c, s, &s->askings[i]);
        check_default_action(c, s, &s->askings[i]);
        check_times(c, s, &s->askings[i]);
        postfix_check_socket(c, s, &s->askings[i]);
    }
}
