/* Rules about a milter that is listed: is it asked, is it told enough, and does it come first? */
#include "core/report/postfix_check.h"

/* What postern-milter needs to be told, and with which command (milter/negotiate.c asks for these by name). */
static const char *const needed_macros[] = {"{auth_authen}", "{auth_type}"};
#define MILTER_PROTOCOL_LEAST 6u /* since then a milter says itself which macros it wants */

/* ---- asked at all ---- */

/* The words without that one, separated by commas. */
static void add_without(struct buf *b, struct slice words, struct slice unwanted)
{
    struct slice word;

    while (postfix_word(&words, &word))
        if (!slice_ieq(word, unwanted))
            buf_addf(b, "%s%.*s", b->n > 0 ? "," : "", SLICE_ARG(word));
}

static void check_no_milters(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX], rest[200];
    struct buf b = BUF_OVER(rest);
    struct finding *f;

    if (!s->milters_off)
        return;
    f = findings_add(c->findings, PF_NO_MILTERS, postfix_place(c->p, s->service, "receive_override_options", place),
                     "service %.*s lists postern in smtpd_milters, but receive_override_options has no_milters: it is "
                     "never asked, and %s",
                     SLICE_ARG(s->service->name),
                     s->n > 0 ? "a From of somebody else passes; only the policy service looks"
                              : "every message passes unchecked");
    if (s->n > 0)
        f->severity = SEVERITY_HIGH;
    add_without(&b, postfix_get(c->p, s->service, "receive_override_options"), SLICE("no_milters"));
    finding_set(f, c, s, "receive_override_options", buf_slice(&b));
}

/* The same filter after the queue: "127.0.0.1:10024" becomes "smtp:[127.0.0.1]:10024". */
static void command_behind_queue(const struct postfix_check *c, const struct smtpd *s, struct finding *f)
{
    struct slice filter = postfix_get(c->p, s->service, "smtpd_proxy_filter"), host, port;
    char value[200], text[POSTFIX_COMMAND_MAX];
    struct buf b = BUF_OVER(value), command = BUF_OVER(text);

    if (slice_starts_with(filter, SLICE("inet:")))
        filter = (struct slice){filter.p + 5, filter.n - 5};
    if (!slice_cut(filter, ':', &host, &port) || port.n == 0 || memchr(port.p, ':', port.n) != NULL ||
        slice_eq(host, SLICE("unix")))
        return;
    buf_addf(&b, "smtp:[%.*s]:%.*s", SLICE_ARG(host), SLICE_ARG(port));
    postfix_add_set(&command, c->p, s->service, "smtpd_proxy_filter", (struct slice){NULL, 0});
    postfix_add_set_own(&command, c->p, s->service, &(struct postfix_own){"content_filter", value}, 1);
    finding_command(f, c, &command);
}

static void check_before_queue(const struct postfix_check *c, const struct smtpd *s)
{
    bool policyd = smtpd_asks_at(s, AT_END) && c->config->charge != CHARGE_MILTER;
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (!s->before_queue || !smtpd_asks_at(s, AT_MILTER))
        return;
    f = findings_add(c->findings, PF_BEFORE_QUEUE, postfix_place(c->p, s->service, "smtpd_proxy_filter", place),
                     "service %.*s has a filter before the queue (smtpd_proxy_filter): Postfix then gives milters "
                     "neither header nor end of a message, so that a From of somebody else passes%s",
                     SLICE_ARG(s->service->name), policyd ? "" : " and no message is counted");
    if (policyd)
        f->severity = SEVERITY_HIGH;
    command_behind_queue(c, s, f);
}

/* ---- the order of milters ---- */

/* smtpd_milters as written, where each of its words is one milter, else expanded. */
static struct slice milters_as_written(const struct postfix_check *c, const struct smtpd *s)
{
    struct slice written = postfix_written(c->p, s->service, "smtpd_milters");
    struct slice expanded = postfix_get(c->p, s->service, "smtpd_milters"), word;
    size_t a = 0, b = 0;

    for (struct slice rest = written; postfix_word(&rest, &word);)
        a++;
    for (struct slice rest = expanded; postfix_word(&rest, &word);)
        b++;
    return a == b ? written : expanded;
}

static void command_first(const struct postfix_check *c, const struct smtpd *s, struct finding *f)
{
    struct slice expanded = postfix_get(c->p, s->service, "smtpd_milters"), written = milters_as_written(c, s);
    struct slice seen, word, postern = {NULL, 0};
    char text[POSTFIX_COMMAND_MAX], others[POSTFIX_COMMAND_MAX];
    struct buf b = BUF_OVER(text), o = BUF_OVER(others);

    while (postfix_word(&expanded, &seen) && postfix_word(&written, &word)) {
        struct slice endpoint = postfix_target(seen).endpoint;
        bool ours = false;

        for (size_t i = 0; i < s->n; i++)
            ours = ours || (s->askings[i].at == AT_MILTER && slice_eq(s->askings[i].target.endpoint, endpoint));
        if (ours && postern.n == 0)
            postern = word;
        else
            buf_addf(&o, " %.*s", SLICE_ARG(word));
    }
    buf_add(&b, postern);
    buf_add(&b, buf_slice(&o));
    if (!b.full && !o.full)
        finding_set(f, c, s, "smtpd_milters", buf_slice(&b));
}

static void check_first(const struct postfix_check *c, const struct smtpd *s)
{
    bool policyd = smtpd_asks_at(s, AT_END) && c->config->charge != CHARGE_MILTER;
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (s->milter_ahead.n == 0)
        return;
    f = findings_add(c->findings, PF_MILTER_NOT_FIRST, postfix_place(c->p, s->service, "smtpd_milters", place),
                     "service %.*s asks %s before postern: a message that it puts on hold never comes to postern's "
                     "end of message, and its From is not judged%s when it is released",
                     SLICE_ARG(s->service->name), postfix_shown(s->milter_ahead).text,
                     policyd ? "" : ", nor is it counted,");
    if (!policyd)
        f->severity = SEVERITY_HIGH;
    command_first(c, s, f);
}

/* ---- what it is told ---- */

static void check_maps(const struct postfix_check *c, const struct smtpd *s)
{
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (postfix_get(c->p, s->service, "smtpd_milter_maps").n == 0)
        return;
    f = findings_add(c->findings, PF_MILTER_SWITCHED_OFF, postfix_place(c->p, s->service, "smtpd_milter_maps", place),
                     "smtpd_milter_maps of service %.*s may switch the milter off for the clients that it names",
                     SLICE_ARG(s->service->name));
    finding_set(f, c, s, "smtpd_milter_maps", (struct slice){NULL, 0});
}

/* Back to Postfix's defaults, which are right. */
static void command_default(const struct postfix_check *c, const struct smtpd *s, const char *name, struct finding *f)
{
    char text[POSTFIX_COMMAND_MAX];
    struct buf command = BUF_OVER(text);

    postfix_add_unset(&command, c->p, s->service, name);
    finding_command(f, c, &command);
}

static void check_macros(const struct postfix_check *c, const struct smtpd *s, struct slice protocol)
{
    struct slice macros = postfix_get(c->p, s->service, "milter_mail_macros"), rest, word;
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    for (size_t i = 0; i < sizeof needed_macros / sizeof needed_macros[0]; i++) {
        bool there = false;

        for (rest = macros; postfix_word(&rest, &word);)
            there = there || slice_eq(word, slice_of(needed_macros[i]));
        if (there)
            continue;
        f = findings_add(
            c->findings, PF_MILTER_MACROS, postfix_place(c->p, s->service, "milter_mail_macros", place),
            "milter_protocol is %.*s, so that the milter cannot ask for its macros, and milter_mail_macros "
            "lacks %s: postern-milter takes every login for none",
            SLICE_ARG(protocol), needed_macros[i]);
        command_default(c, s, "milter_mail_macros", f);
    }
}

static void check_protocol(const struct postfix_check *c, const struct smtpd *s)
{
    struct slice protocol = postfix_get(c->p, s->service, "milter_protocol"), rest = protocol, word;
    char place[POSTFIX_PLACE_MAX];
    unsigned long long version;
    struct finding *f;

    if (postfix_word(&rest, &word) && slice_to_u64(word, 100, &version) && version >= MILTER_PROTOCOL_LEAST)
        return;
    check_macros(c, s, protocol);
    f = findings_add(c->findings, PF_MILTER_MACROS, postfix_place(c->p, s->service, "milter_protocol", place),
                     "milter_protocol is %.*s: the milter cannot ask for {tls_version} with MAIL, and sees no TLS for "
                     "clients that say STARTTLS and no second EHLO",
                     SLICE_ARG(protocol));
    command_default(c, s, "milter_protocol", f);
}

void postfix_check_milter(const struct postfix_check *c, const struct smtpd *s)
{
    check_no_milters(c, s);
    if (!smtpd_asks_at(s, AT_MILTER))
        return;
    check_before_queue(c, s);
    check_first(c, s);
    check_maps(c, s);
    check_protocol(c, s);
}
