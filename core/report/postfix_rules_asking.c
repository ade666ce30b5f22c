/* Rules about how one service asks postern: where in which list, with what default, and for how long it waits. */
#include "core/report/postfix_check.h"
#include "core/report/text.h"

#include <stdio.h>

/*
 * A client waits five minutes for the reply to RCPT or DATA (RFC 5321 4.5.3.2), and a policy service is asked twice; a
 * hanging postern should cost a message, not all of Postfix's processes for minutes.
 */
#define POLICY_TIMEOUT_MOST 30u
#define MILTER_CONNECT_MOST 30u
#define MILTER_COMMAND_MOST 60u
#define MILTER_CONTENT_MOST 300u

static const char *asking_place(const struct postfix_check *c, const struct smtpd *s, const char *name,
                                char out[POSTFIX_PLACE_MAX])
{
    return postfix_place(c->p, s->service, name, out);
}

/* ---- the service as a whole ---- */

/* Is "$postern_NAME" more than nothing? */
static bool is_defined(const struct postfix_check *c, const char *value)
{
    return postfix_line_in_main(c->p, slice_of(value + 1)) > 0;
}

static void advise_setup(struct finding *f, const struct postfix_check *c)
{
    char text[POSTFIX_COMMAND_MAX];
    struct buf folder = BUF_OVER(text);

    if (c->p->folder != NULL) {
        buf_add(&folder, SLICE(" --config-dir "));
        postfix_add_quoted(&folder, slice_of(c->p->folder));
    }
    finding_advise(f, "postern setup-postfix --dry-run%s shows the commands; with --apply it runs them",
                   folder.full ? "" : text);
}

void finding_ask(struct finding *f, const struct postfix_check *c, const struct smtpd *s, const char *name,
                 const char *value)
{
    if (is_defined(c, value))
        finding_set(f, c, s, name, slice_of(value));
    else
        advise_setup(f, c);
}

/* What a service of its own asks, in the names of conf/postfix/main.cf. */
static void command_to_ask(const struct postfix_check *c, const struct smtpd *s, struct finding *f)
{
    static const struct postfix_own settings[] = {
        {"smtpd_relay_restrictions", "$postern_relay_restrictions"},
        {"smtpd_end_of_data_restrictions", "$postern_end_of_data_restrictions"},
        {"smtpd_milters", "$postern_milter"},
    };

    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (!is_defined(c, settings[i].value)) {
            advise_setup(f, c);
            return;
        }
    finding_set_own(f, c, s, settings, sizeof settings / sizeof settings[0]);
}

static void check_not_asked(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    f = findings_add(c->findings, PF_NOT_ASKED, asking_place(c, s, NULL, place),
                     "service %s takes %s, and neither its restrictions nor its milters name postern",
                     postfix_shown(s->service->name).text, s->logins ? "logins" : "mail without a login");
    command_to_ask(c, s, f);
    /* Without logins it matters for connectors only: those that come in here relay unseen. */
    if (!s->logins)
        f->severity = c->config->n_connectors > 0 ? SEVERITY_HIGH : SEVERITY_INFO;
}

/* Does postern hear of the end of each message, from somebody who then counts it? */
static bool counts(const struct postfix_check *c, const struct smtpd *s)
{
    bool policyd = smtpd_asks_at(s, AT_DATA) || smtpd_asks_at(s, AT_END);
    bool milter = smtpd_asks_at(s, AT_MILTER) && !s->before_queue;

    switch (c->config->charge) {
    case CHARGE_POLICYD:
        return policyd;
    case CHARGE_MILTER:
        return milter;
    case CHARGE_AUTO:
        break;
    }
    return policyd || milter;
}

static void check_counting(const struct postfix_check *c, const struct smtpd *s)
{
    enum charge_where charge = c->config->charge;
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (counts(c, s))
        return;
    f = findings_add(c->findings, PF_CANNOT_COUNT, asking_place(c, s, "smtpd_end_of_data_restrictions", place),
                     "service %s asks postern%s, but not where messages are counted%s: no limit ever fills",
                     postfix_shown(s->service->name).text,
                     smtpd_asks_at(s, AT_CONNECT) ? " at the beginning" : " about recipients",
                     charge == CHARGE_MILTER    ? " (charge = \"milter\" in postern.conf)"
                     : charge == CHARGE_POLICYD ? " (charge = \"policyd\" in postern.conf)"
                                                : "");
    if (charge == CHARGE_MILTER && smtpd_asks_at(s, AT_END))
        finding_advise(f, "charge = \"auto\" in postern.conf, and: postern reload");
    else if (charge == CHARGE_MILTER)
        finding_ask(f, c, s, "smtpd_milters", "$postern_milter");
    else
        finding_ask(f, c, s, "smtpd_end_of_data_restrictions", "$postern_end_of_data_restrictions");
}

static void check_recipients(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (smtpd_asks_at(s, AT_RCPT) || smtpd_asks_at(s, AT_MILTER) || smtpd_asks_at(s, AT_CONNECT))
        return;
    f = findings_add(
        c->findings, PF_NO_RECIPIENTS, asking_place(c, s, "smtpd_relay_restrictions", place),
        "service %s asks only when the message is over: the client learns late that it may not send, and of "
        "several recipients postern is told none, so that it cannot keep a connector to internal ones",
        postfix_shown(s->service->name).text);
    finding_ask(f, c, s, "smtpd_relay_restrictions", "$postern_relay_restrictions");
}

/* ---- one asking ---- */

/* The list as written, without that word; empty if the word is not in it literally. */
static struct slice without_word(struct slice written, struct slice unwanted, struct buf *b)
{
    struct slice word;
    bool found = false;

    while (postfix_word(&written, &word)) {
        if (slice_ieq(word, unwanted)) {
            found = true;
            continue;
        }
        if (b->n > 0)
            buf_add_char(b, ' ');
        buf_add(b, word);
    }
    return found && !b->full ? buf_slice(b) : (struct slice){NULL, 0};
}

static void check_warns(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    char place[POSTFIX_PLACE_MAX], text[POSTFIX_COMMAND_MAX];
    struct buf b = BUF_OVER(text);
    struct finding *f;

    if (!a->warns)
        return;
    f = findings_add(c->findings, PF_WARN_ONLY, asking_place(c, s, a->list, place),
                     "warn_if_reject is before check_policy_service in %s: what postern refuses is logged and let "
                     "through (for a trial, mode = \"monitor\" in postern.conf reports more)",
                     a->list);
    if (without_word(postfix_written(c->p, s->service, a->list), SLICE("warn_if_reject"), &b).n > 0)
        finding_set(f, c, s, a->list, buf_slice(&b));
}

/* "check_policy_service X" first, then the others as written. */
static void command_to_lead(const struct postfix_check *c, const struct smtpd *s, const struct asking *a,
                            struct finding *f)
{
    struct slice rest = postfix_written(c->p, s->service, a->list), word, service = {NULL, 0};
    char text[POSTFIX_COMMAND_MAX], others[POSTFIX_COMMAND_MAX];
    struct buf b = BUF_OVER(text), o = BUF_OVER(others);

    while (postfix_word(&rest, &word)) {
        if (service.n == 0 && slice_ieq(word, SLICE("check_policy_service")) && postfix_word(&rest, &word)) {
            service = word;
            continue;
        }
        buf_add_char(&o, ' ');
        buf_add(&o, word);
    }
    buf_addf(&b, "check_policy_service %.*s", SLICE_ARG(service));
    buf_add(&b, buf_slice(&o));
    if (service.n > 0 && !b.full && !o.full)
        finding_set(f, c, s, a->list, buf_slice(&b));
}

static void check_permit(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (a->permit.word.n == 0)
        return;
    f = findings_add(c->findings, PF_PERMIT_IN_FRONT, asking_place(c, s, a->list, place),
                     "%s%s%s comes before check_policy_service in %s of service %s%s%s%s: clients that it permits are "
                     "never shown to postern's policy service",
                     postfix_shown(a->permit.word).text, a->permit.argument.n > 0 ? " " : "",
                     postfix_shown(a->permit.argument).text, a->list, postfix_shown(s->service->name).text,
                     a->permit_unknown            ? ", and nobody can see from here whom it permits ("
                     : a->permit_entry[0] != '\0' ? ", and its table permits "
                                                  : "",
                     a->permit_entry, a->permit_unknown ? ")" : "");
    command_to_lead(c, s, a, f);
    if (a->permit_unknown)
        f->severity = SEVERITY_LOW;
    else if (smtpd_asks_at(s, AT_MILTER)) /* which sees them in any case */
        f->severity = SEVERITY_MEDIUM;
}

static void check_place(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (a->at != AT_CONNECT)
        return;
    f = findings_add(c->findings, PF_EARLY_STAGE, asking_place(c, s, a->list, place),
                     "%s of service %s is evaluated before the client has logged in or named a sender%s: postern can "
                     "say nothing there",
                     a->list, postfix_shown(s->service->name).text,
                     strcmp(a->list, "smtpd_etrn_restrictions") == 0 ? "" : " (smtpd_delay_reject = no)");
    finding_set(f, c, s, "smtpd_delay_reject", SLICE("yes"));
}

static void check_listener(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    struct asked_program program = asked_program(c->config, a->at);
    const struct listener_config *l = program.n_listen > 0 ? program.listen : NULL;
    char place[POSTFIX_PLACE_MAX], text[POSTFIX_COMMAND_MAX];
    struct buf command = BUF_OVER(text);
    struct finding *f;

    if (a->listener != NULL || (l != NULL && l->fd >= 0)) /* "fd:3" does not say where */
        return;
    f = findings_add(c->findings, PF_WRONG_SOCKET, asking_place(c, s, a->list, place),
                     "%s asks at %s, but postern-%s listens at %s", a->list, postfix_shown(a->target.endpoint).text,
                     program.name,
                     l != NULL && l->address != NULL ? postfix_shown(slice_of(l->address)).text : "no address");
    if (l == NULL || l->address == NULL)
        return;
    postfix_add_replace(&command, c->p, a->target.endpoint, slice_of(l->address));
    finding_command(f, c, &command);
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

/* If the option is written inside the word of its service, only an editor can change it. */
static void set_option(struct finding *f, const struct postfix_check *c, struct slice whole, const char *option)
{
    char text[POSTFIX_COMMAND_MAX];
    struct buf command = BUF_OVER(text);

    postfix_add_replace(&command, c->p, whole, slice_of(option));
    finding_command(f, c, &command);
}

#define POLICY_DEFAULT_ACTION "451 4.3.5 Policy service unavailable, try again later"

static void check_default_action(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    bool milter = a->at == AT_MILTER;
    const char *global = milter ? "milter_default_action" : "smtpd_policy_service_default_action";
    char place[POSTFIX_PLACE_MAX];
    struct slice action, whole;
    bool own = postfix_option(&a->target, SLICE("default_action"), &action, &whole);
    struct finding *f;

    if (!own)
        action = postfix_get(c->p, s->service, global);
    if (!lets_through(action, milter))
        return;
    f = findings_add(c->findings, milter ? PF_MILTER_DEFAULT_ACTION : PF_POLICY_DEFAULT_ACTION,
                     asking_place(c, s, own ? a->list : global, place),
                     "default_action \"%s\" for %s: while postern does not answer, everything passes unchecked",
                     postfix_shown(action).text, postfix_shown(a->target.endpoint).text);
    if (own)
        set_option(f, c, whole, milter ? "default_action=tempfail" : "{ default_action = " POLICY_DEFAULT_ACTION " }");
    else
        finding_set(f, c, s, global, milter ? SLICE("tempfail") : SLICE(POLICY_DEFAULT_ACTION));
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

static void check_time(const struct postfix_check *c, const struct smtpd *s, const struct asking *a,
                       const struct time_row *row)
{
    struct slice value, whole = {NULL, 0};
    bool own = postfix_option(&a->target, slice_of(row->option), &value, &whole);
    char place[POSTFIX_PLACE_MAX], right[64];
    struct finding *f;

    if (!own)
        value = postfix_get(c->p, s->service, row->global);
    if (postfix_time(value, 0) <= row->most)
        return;
    f = findings_add(c->findings, PF_TIMEOUT, asking_place(c, s, own ? a->list : row->global, place),
                     "%s for %s is %s%s: a postern that hangs holds each of Postfix's processes for that long",
                     own ? row->option : row->global, postfix_shown(a->target.endpoint).text, postfix_shown(value).text,
                     a->at == AT_MILTER ? "" : ", and it is asked twice");
    (void)snprintf(right, sizeof right, "%s%s%us", own ? row->option : "", own ? "=" : "",
                   a->at == AT_MILTER ? (unsigned)row->most : 20u);
    if (own)
        set_option(f, c, whole, right);
    else
        finding_set(f, c, s, row->global, slice_of(right));
}

static void check_times(const struct postfix_check *c, const struct smtpd *s, const struct asking *a)
{
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if ((times[i].at == AT_MILTER) == (a->at == AT_MILTER))
            check_time(c, s, a, &times[i]);
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

void finding_command(struct finding *f, const struct postfix_check *c, struct buf *command)
{
    postfix_add_reload(command, c->p);
    if (!command->full)
        finding_advise(f, "%s", command->p);
}

void finding_set(struct finding *f, const struct postfix_check *c, const struct smtpd *s, const char *name,
                 struct slice value)
{
    char text[POSTFIX_COMMAND_MAX];
    struct buf command = BUF_OVER(text);

    postfix_add_set(&command, c->p, s != NULL ? s->service : NULL, name, value);
    finding_command(f, c, &command);
}

void finding_set_own(struct finding *f, const struct postfix_check *c, const struct smtpd *s,
                     const struct postfix_own *settings, size_t n)
{
    char text[POSTFIX_COMMAND_MAX];
    struct buf command = BUF_OVER(text);

    postfix_add_set_own(&command, c->p, s->service, settings, n);
    finding_command(f, c, &command);
}

struct postfix_shown postfix_shown(struct slice s)
{
    struct postfix_shown shown;
    struct buf b = BUF_OVER(shown.text);

    text_add_plain(&b, (struct slice){s.p, s.n < POSTFIX_SHOWN_MAX ? s.n : POSTFIX_SHOWN_MAX});
    return shown;
}

void postfix_check_asking(const struct postfix_check *c, const struct smtpd *s)
{
    if (s->n == 0) {
        if (!s->milters_off) /* which has a finding of its own */
            check_not_asked(c, s);
        return;
    }
    check_counting(c, s);
    check_recipients(c, s);
    for (size_t i = 0; i < s->n; i++) {
        check_place(c, s, &s->askings[i]);
        check_warns(c, s, &s->askings[i]);
        check_permit(c, s, &s->askings[i]);
        if (asked_before(s, i)) /* the same address and options in another list */
            continue;
        check_listener(c, s, &s->askings[i]);
        check_default_action(c, s, &s->askings[i]);
        check_times(c, s, &s->askings[i]);
        postfix_check_socket(c, s, &s->askings[i]);
    }
}
