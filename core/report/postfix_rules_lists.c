/* Rules about the lists of one service together: what is asked twice, in other words, or at the wrong time. */
#include "core/report/postfix_check.h"

/* The names of the lists that ask at that time, separated by commas. Returns how many. */
static size_t lists_at(const struct smtpd *s, enum asked_at at, struct buf *names)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->askings[i].at == at)
            buf_addf(names, "%s%s", n++ > 0 ? ", " : "", s->askings[i].list);
    return n;
}

/* What is left when check_policy_service X is removed: all the other words. */
static void command_to_drop(const struct postfix_check *c, const struct smtpd *s, const char *list, struct finding *f)
{
    struct slice rest = postfix_written(c->p, s->service, list), word;
    char text[POSTFIX_COMMAND_MAX];
    struct buf b = BUF_OVER(text);
    bool dropped = false;

    while (postfix_word(&rest, &word)) {
        if (!dropped && slice_ieq(word, SLICE("check_policy_service")) && postfix_word(&rest, &word)) {
            dropped = true;
            continue;
        }
        if (b.n > 0)
            buf_add_char(&b, ' ');
        buf_add(&b, word);
    }
    if (dropped && !b.full)
        finding_set(f, c, s, list, buf_slice(&b));
}

/* smtpd_relay_restrictions is where it belongs; any other list is the second. */
static const char *superfluous(const struct smtpd *s)
{
    const char *list = NULL;

    for (size_t i = 0; i < s->n; i++)
        if (s->askings[i].at == AT_RCPT &&
            (list == NULL || strcmp(s->askings[i].list, "smtpd_relay_restrictions") != 0))
            list = s->askings[i].list;
    return list;
}

static void check_twice(const struct postfix_check *c, const struct smtpd *s)
{
    char names[300], place[POSTFIX_PLACE_MAX];
    struct buf b = BUF_OVER(names);
    size_t n = lists_at(s, AT_RCPT, &b);
    struct finding *f;
    const char *list;

    if (n < 2)
        return;
    list = superfluous(s);
    f = findings_add(c->findings, PF_LISTED_TWICE, postfix_place(c->p, s->service, list, place),
                     "service %.*s asks postern %zu times about each recipient (%s): once is enough, and every "
                     "further question costs time and a connection's turn",
                     SLICE_ARG(s->service->name), n, names);
    command_to_drop(c, s, list, f);
}

static void check_milter_twice(const struct postfix_check *c, const struct smtpd *s)
{
    char names[300], place[POSTFIX_PLACE_MAX];
    struct buf b = BUF_OVER(names);
    size_t n = lists_at(s, AT_MILTER, &b);
    struct finding *f;

    if (n < 2)
        return;
    f = findings_add(c->findings, PF_LISTED_TWICE, postfix_place(c->p, s->service, "smtpd_milters", place),
                     "service %.*s names postern %zu times in smtpd_milters: each message is judged as often",
                     SLICE_ARG(s->service->name), n);
    finding_advise(f, "name it once, and first");
}

/* Postfix keeps a connection for each spelling of a policy service. */
static void check_words(const struct postfix_check *c, const struct smtpd *s)
{
    const struct asking *first = NULL;
    char place[POSTFIX_PLACE_MAX];

    for (size_t i = 0; i < s->n; i++) {
        const struct asking *a = &s->askings[i];

        if (a->at == AT_MILTER)
            continue;
        if (first == NULL)
            first = a;
        if (slice_eq(a->target.endpoint, first->target.endpoint) && slice_eq(a->target.options, first->target.options))
            continue;
        findings_add(c->findings, PF_OTHER_WORDS, postfix_place(c->p, s->service, a->list, place),
                     "%s of service %.*s names postern in other words than %s: each of Postfix's processes keeps two "
                     "connections, and what holds for the one (default_action, timeout) does not for the other",
                     a->list, SLICE_ARG(s->service->name), first->list);
        return;
    }
}

static bool limits_count_bytes(const struct config *config)
{
    for (size_t i = 0; i < config->n_limits; i++)
        if (config->limits[i].count == COUNT_BYTES)
            return true;
    return false;
}

static void check_bytes(const struct postfix_check *c, const struct smtpd *s)
{
    bool milter = smtpd_asks_at(s, AT_MILTER) && !s->before_queue && c->config->charge != CHARGE_POLICYD;
    char place[POSTFIX_PLACE_MAX];
    struct finding *f;

    if (!smtpd_asks_at(s, AT_DATA) || smtpd_asks_at(s, AT_END) || milter)
        return;
    f = findings_add(c->findings, PF_NO_BYTES, postfix_place(c->p, s->service, "smtpd_data_restrictions", place),
                     "service %.*s asks postern at DATA and not at the end of the message, when its size is known: %s",
                     SLICE_ARG(s->service->name),
                     limits_count_bytes(c->config) ? "the limits of bytes in postern.conf never fill"
                                                   : "a limit of bytes would never fill");
    if (!limits_count_bytes(c->config))
        f->severity = SEVERITY_INFO;
    finding_ask(f, c, s, "smtpd_end_of_data_restrictions", "$postern_end_of_data_restrictions");
}

void postfix_check_lists(const struct postfix_check *c, const struct smtpd *s)
{
    check_twice(c, s);
    check_milter_twice(c, s);
    check_words(c, s);
    check_bytes(c, s);
}
