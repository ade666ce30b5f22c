#include "cli/test_message.h"

#include "core/report/postfix_config.h"
#include "core/report/text.h"
#include "core/report/trail.h"

#define WIDTH 11 /* of a step's name */
#define SHOWN_MAX (4 * SMTP_REPLY_MAX + 8)

enum test_end test_end(const struct smtp_outcome *o)
{
    if (o->accepted)
        return TEST_ACCEPTED;
    if (o->step == SMTP_AUTH)
        return TEST_NO_LOGIN;
    if (o->step < SMTP_AUTH || o->code < 400) /* a connection that broke, too */
        return TEST_UNREACHED;
    return o->code < 500 ? TEST_DEFERRED : TEST_REFUSED;
}

/* ---- what to do ---- */

/* By the step, for what is not postern's decision. */
static const char *const advice[SMTP_STEPS] = {
    [SMTP_CONNECT] = "is Postfix running, and does a firewall let this through? \"ss -ltn\" shows who listens",
    [SMTP_GREETING] = "Postfix may have too few processes (maxproc in master.cf), expect a proxy in front "
                      "(smtpd_upstream_proxy_protocol), or want TLS from the first byte (--implicit-tls)",
    [SMTP_HELLO] = "the mail log says what Postfix waits for",
    [SMTP_STARTTLS] = "a password is never sent without TLS: set smtpd_tls_security_level = may, with a certificate",
    [SMTP_TLS] = "server and client found no version or cipher of TLS in common; the mail log says more",
    [SMTP_CERTIFICATE] = "clients that verify fail, too. --ca FILE takes a certificate of your own, --name NAME "
                         "another name than the server's",
    [SMTP_AUTH] = "the SASL server refused the login, and postern was not asked: is the password right, does the user "
                  "exist there? Dovecot's log says more (auth_verbose = yes)",
};

static const char *advice_for(const struct test_message *t)
{
    const struct smtp_outcome *o = &t->outcome;

    if (o->accepted)
        return NULL;
    if (o->step == SMTP_AUTH && o->mechanism[0] == '\0')
        return "set smtpd_sasl_auth_enable = yes there, or name a mechanism that is offered by --method";
    if (o->step < SMTP_MAIL)
        return advice[o->step];
    if (t->decided || t->unread[0] != '\0')
        return NULL;
    if (o->code < 400)
        return "the connection ended or hung in the middle: the mail log says why. Does postern answer? \"postern "
               "status\"";
    return "postern did not decide this: Postfix or another filter did, or postern is not asked (\"postern "
           "check-postfix\")";
}

/* The command that tells each step of the decision. */
static void add_explain(struct buf *b, const struct test_message *t)
{
    const struct smtp_job *job = t->job;

    buf_add(b, SLICE("postern explain"));
    if (job->login != NULL) {
        buf_add(b, SLICE(" --user "));
        postfix_add_quoted(b, slice_of(job->login));
        buf_addf(b, " --method %s", t->outcome.mechanism);
    }
    if (t->outcome.tls[0] == '\0')
        buf_add(b, SLICE(" --tls none"));
    buf_addf(b, " --client %s --sender ", t->outcome.client);
    postfix_add_quoted(b, slice_of(job->sender));
    for (size_t i = 0; i < job->n_recipients; i++) {
        buf_add(b, SLICE(" --recipient "));
        postfix_add_quoted(b, slice_of(job->recipients[i]));
    }
}

/* ---- for people ---- */

/* What is to be said of a step that was reached. */
static void add_step(struct buf *b, const struct test_message *t, enum smtp_step step)
{
    const struct smtp_outcome *o = &t->outcome;
    bool ended = step == o->step && !o->accepted;

    if (ended && o->why[0] != '\0') {
        text_add_plain(b, slice_of(o->why));
        if (o->timed_out)
            buf_addf(b, " (%u seconds)", t->job->timeout_s);
    } else if (step == SMTP_CONNECT) {
        buf_addf(b, "%s port %u", t->job->host, t->job->port);
        if (t->service != NULL)
            buf_addf(b, " (%s in master.cf)", t->service);
    } else if (step == SMTP_TLS && o->tls[0] != '\0') {
        text_add_plain(b, slice_of(o->tls));
        buf_addf(b, ", certificate verified for %s", t->job->name);
    } else if (step == SMTP_HELLO && !ended) {
        buf_add(b, o->offered[0] != '\0' ? SLICE("offers AUTH ") : SLICE("offers no AUTH"));
        text_add_plain(b, slice_of(o->offered));
    } else {
        if (step == SMTP_AUTH)
            buf_addf(b, "%s: ", o->mechanism);
        text_add_plain(b, slice_of(o->reply[step]));
    }
}

static void put_steps(const struct test_message *t, struct printer *out)
{
    for (enum smtp_step step = SMTP_CONNECT; step < SMTP_STEPS; step++) {
        bool ended = step == t->outcome.step;
        char text[SHOWN_MAX] = "";
        struct buf b = BUF_OVER(text);

        if (!t->outcome.reached[step])
            continue;
        add_step(&b, t, step);
        printer_line(out, &(struct line){.indent = 2,
                                         .label = smtp_step_name(step),
                                         .label_width = WIDTH,
                                         .spans = {{!ended                ? TONE_PLAIN
                                                    : t->outcome.accepted ? TONE_GOOD
                                                                          : TONE_BAD,
                                                    text}},
                                         .hang = 14});
    }
}

static void put_end(const struct test_message *t, struct printer *out)
{
    static const char *const words[] = {
        [TEST_ACCEPTED] = "accepted",
        [TEST_UNREACHED] = "failed",
        [TEST_NO_LOGIN] = "failed",
        [TEST_REFUSED] = "refused",
        [TEST_DEFERRED] = "deferred (try again later)",
    };
    const char *what = advice_for(t);
    char queue_id[4 * TEST_QUEUE_ID_MAX + 8];
    enum test_end end = test_end(&t->outcome);

    if (end == TEST_ACCEPTED && t->queue_id[0] != '\0')
        printer_text(out, "The message was accepted; Postfix's queue id is %s.",
                     text_plain(queue_id, sizeof queue_id, slice_of(t->queue_id)));
    else if (end == TEST_ACCEPTED)
        printer_text(out, "The message was accepted.");
    else
        printer_text(out, "It ended at %s: %s.", smtp_step_name(t->outcome.step), words[end]);
    if (what != NULL)
        printer_text(out, "What to look at: %s.", what);
}

static void put_log(const struct test_message *t, struct printer *out)
{
    if (t->log.n == 0)
        return;
    printer_gap(out);
    printer_text(out, "The log (%s):", t->log.path);
    for (size_t i = 0; i < t->log.n; i++) {
        char text[TEXT_CELL_MAX];

        printer_line(out, &(struct line){.indent = 2,
                                         .spans = {{TONE_PLAIN, text_plain(text, sizeof text, t->log.lines[i])}},
                                         .hang = 4});
    }
}

static void put_postern(const struct test_message *t, struct printer *out)
{
    char command[2000];
    struct buf b = BUF_OVER(command);

    if (t->unread[0] != '\0')
        printer_remark(out, REMARK_NOTE, "what postern decided can't be looked up: %s", t->unread);
    if (!t->decided)
        return;
    printer_gap(out);
    printer_text(out, "postern's decision:");
    trail_report(&t->decision, out);
    if (t->outcome.accepted)
        return;
    add_explain(&b, t);
    printer_field(out, "why", 9, "%s", command);
}

/* ---- for programs ---- */

static void put_tree(const struct test_message *t, struct printer *out)
{
    static const char *const ends[] = {
        [TEST_ACCEPTED] = "accepted", [TEST_UNREACHED] = "failed",  [TEST_NO_LOGIN] = "login-failed",
        [TEST_REFUSED] = "refused",   [TEST_DEFERRED] = "deferred",
    };
    const struct smtp_outcome *o = &t->outcome;

    out->open(out, NULL, TREE_OBJECT);
    out->value(out, "outcome", value_word(ends[test_end(o)]));
    out->value(out, "ended_at", value_word(smtp_step_name(o->step)));
    out->value(out, "reply", value_word_or_none(o->reply[o->step]));
    out->value(out, "error", value_word_or_none(o->why));
    out->value(out, "advice", value_word(advice_for(t)));
    out->value(out, "queue_id", value_word_or_none(t->queue_id));
    out->value(out, "server", value_word(t->job->host));
    out->value(out, "port", value_number(t->job->port));
    out->value(out, "tls", value_word_or_none(o->tls));
    out->value(out, "method", value_word_or_none(o->mechanism));
    out->value(out, "client", value_word_or_none(o->client));
    out->open(out, "steps", TREE_LIST);
    for (enum smtp_step step = SMTP_CONNECT; step < SMTP_STEPS; step++) {
        if (!o->reached[step])
            continue;
        out->open(out, NULL, TREE_OBJECT);
        out->value(out, "step", value_word(smtp_step_name(step)));
        out->value(out, "reply", value_word_or_none(o->reply[step]));
        out->close(out);
    }
    out->close(out);
    if (t->decided) {
        out->open(out, "decision", TREE_OBJECT);
        trail_report(&t->decision, out);
        out->close(out);
    } else {
        out->value(out, "decision", value_none());
    }
    out->open(out, "log", TREE_LIST);
    for (size_t i = 0; i < t->log.n; i++)
        out->value(out, NULL, value_text(t->log.lines[i]));
    out->close(out);
    out->close(out);
}

void test_message_report(const struct test_message *t, struct printer *out)
{
    if (!out->people) {
        put_tree(t, out);
        return;
    }
    put_steps(t, out);
    put_end(t, out);
    put_postern(t, out);
    put_log(t, out);
}
