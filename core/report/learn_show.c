#include "core/report/learn.h"
#include "core/report/text.h"

#include <stdlib.h>

#define SHOWN_MAX 20u /* of each list, to people */
#define DAY_S 86400
/* A log that ended before, or spans less, is said to. */
#define OLD_DAYS 7
#define SHORT_DAYS 14

/* ---- words ---- */

/* "2026-11-03" */
static void add_date(struct buf *b, int64_t at_s)
{
    char text[40];
    struct buf t = BUF_OVER(text);

    text_add_local_time(&t, at_s);
    buf_add(b, (struct slice){text, t.n < 10 ? t.n : 10});
}

static void add_why(struct buf *b, const struct learn_login *x)
{
    switch (x->verdict) {
    case LEARN_TAKEN:
    case LEARN_VERDICTS:
        return;
    case LEARN_UNKNOWN:
        buf_add(b, SLICE("the directory doesn't know it"));
        return;
    case LEARN_NO_HABIT:
        buf_add(b, SLICE("the other relay is still learning it"));
        return;
    case LEARN_OUTLIER:
        buf_addf(b, "%u %s on ", x->busiest, x->what);
        add_date(b, x->busiest_s);
        buf_addf(b, ", on other days some %u: an attack? --include takes it", x->median);
        return;
    case LEARN_FEW_DAYS:
        buf_addf(b, "%u %s on ", x->busiest, x->what);
        add_date(b, x->busiest_s);
        buf_addf(b, ", %s: too few days to tell an attack; --include takes it",
                 x->days > 1 ? "and mail on one other day" : "and no other day with mail");
    }
}

/* ---- lists ---- */

static const struct column login_columns[] = {{"login", VALUE_TEXT},
                                              {"messages_hour", VALUE_NUMBER},
                                              {"messages_day", VALUE_NUMBER},
                                              {"recipients_hour", VALUE_NUMBER},
                                              {"recipients_day", VALUE_NUMBER},
                                              {"tenant", VALUE_TEXT},
                                              {"messages", VALUE_NUMBER},
                                              {"days", VALUE_NUMBER},
                                              {"first", VALUE_TIME},
                                              {"last", VALUE_TIME},
                                              {"taken", VALUE_TRUTH},
                                              {"left_out", VALUE_TEXT}};
#define LOGIN_COLUMNS_OF_PEOPLE 5u

static const struct column left_out_columns[] = {
    {"left_out", VALUE_TEXT}, {"messages", VALUE_NUMBER}, {"why", VALUE_TEXT}};

static const struct column network_columns[] = {{"tenant", VALUE_TEXT}, {"network", VALUE_TEXT},
                                                {"days", VALUE_NUMBER}, {"first", VALUE_TIME},
                                                {"last", VALUE_TIME},   {"taken", VALUE_TRUTH}};

static void put_login(const struct learn_login *x, struct printer *out)
{
    char why[300];
    struct buf b = BUF_OVER(why);

    add_why(&b, x);
    out->row(out, (const struct value[]){value_word(x->name), value_number(x->most.of[HABIT_MESSAGES][HABIT_HOUR]),
                                         value_number(x->most.of[HABIT_MESSAGES][HABIT_DAY]),
                                         value_number(x->most.of[HABIT_RECIPIENTS][HABIT_HOUR]),
                                         value_number(x->most.of[HABIT_RECIPIENTS][HABIT_DAY]), value_word(x->tenant),
                                         value_number(x->messages), value_number(x->days), value_time(x->first_s),
                                         value_time(x->last_s), value_truth(x->verdict == LEARN_TAKEN),
                                         value_word_or_none(why)});
}

static int highest_first(const void *a, const void *b)
{
    const struct learn_login *x = *(const struct learn_login *const *)a, *y = *(const struct learn_login *const *)b;
    uint32_t p = x->most.of[HABIT_MESSAGES][HABIT_DAY], q = y->most.of[HABIT_MESSAGES][HABIT_DAY];

    return p != q ? (p < q ? 1 : -1) : strcmp(x->name, y->name);
}

static void say_more(size_t n, const char *what, struct printer *out)
{
    if (n > SHOWN_MAX)
        printer_remark(out, REMARK_NOTE, "And %zu more %s; --json has all.", n - SHOWN_MAX, what);
}

static void show_taken(const struct learn_login *const *by_day, size_t n, struct printer *out)
{
    size_t shown = 0;

    out->table(out, &(struct table){.columns = login_columns,
                                    .n = LOGIN_COLUMNS_OF_PEOPLE,
                                    .empty = "There is no login to learn."});
    for (size_t i = 0; i < n; i++)
        if (by_day[i]->verdict == LEARN_TAKEN && shown++ < SHOWN_MAX)
            put_login(by_day[i], out);
    out->end(out);
    say_more(shown, "logins", out);
}

static void show_left_out(const struct learn_login *const *by_day, size_t n, struct printer *out)
{
    char why[300];
    size_t shown = 0;

    for (size_t i = 0; i < n; i++)
        shown += by_day[i]->verdict != LEARN_TAKEN;
    if (shown == 0)
        return;
    printer_gap(out);
    out->table(out, &(struct table){TABLE_COLUMNS(left_out_columns)});
    shown = 0;
    for (size_t i = 0; i < n; i++) {
        struct buf b = BUF_OVER(why);

        if (by_day[i]->verdict == LEARN_TAKEN || shown++ >= SHOWN_MAX)
            continue;
        add_why(&b, by_day[i]);
        out->row(out, (const struct value[]){value_word(by_day[i]->name), value_number(by_day[i]->messages),
                                             value_word(why)});
    }
    out->end(out);
    say_more(shown, "that are left out", out);
}

static void put_network(const struct learn_network *x, struct printer *out)
{
    char text[NETWORK_TEXT_MAX];

    out->row(out, (const struct value[]){value_word(x->tenant), value_text(network_text(&x->network, text)),
                                         value_number(x->days), value_time(x->first_s), value_time(x->last_s),
                                         value_truth(x->usual)});
}

static void tell_count(uint64_t n, const char *what, struct printer *out)
{
    if (n > 0)
        printer_remark(out, REMARK_NOTE, "%llu %s.", (unsigned long long)n, what);
}

static void show_networks(const struct learn *l, struct printer *out)
{
    size_t shown = 0;

    if (learn_count_networks(l) > 0) {
        printer_gap(out);
        out->table(out, &(struct table){.columns = network_columns, .n = 5});
        for (size_t i = 0; i < l->n_networks; i++)
            if (l->networks[i].usual && shown++ < SHOWN_MAX)
                put_network(&l->networks[i], out);
        out->end(out);
        say_more(shown, "networks", out);
    }
    tell_count(l->n_networks - learn_count_networks(l),
               "networks were used on too few days, or too long ago, to be familiar", out);
    tell_count(l->networks_known, l->networks_known == 1 ? "network is known already" : "networks are known already",
               out);
    tell_count(l->networks_of_other_size,
               "networks have a size (client_net) that the other relay's limits tell apart, and none here", out);
}

/* ---- the log ---- */

static void tell_log_age(const struct learn *l, struct printer *out)
{
    const struct postfix_log_tally *t = &l->log;
    int64_t span = (t->last_s - t->first_s) / DAY_S, age = (l->context->wall_s - t->last_s) / DAY_S;

    if (age > OLD_DAYS)
        printer_remark(out, REMARK_WARNING, "The log ends %lld days ago: what came since then is not in it.",
                       (long long)age);
    if (span < SHORT_DAYS)
        printer_remark(out, REMARK_WARNING,
                       "The log spans %lld days: what comes less often than that is missing, and each login is held at "
                       "what it sent in these days, and some more.",
                       (long long)span);
}

static void tell_log(const struct learn *l, struct printer *out)
{
    const struct postfix_log_tally *t = &l->log;

    if (t->last_s > 0)
        tell_log_age(l, out);
    printer_remark(out, REMARK_NOTE, "%llu lines were read; %llu of them were not understood, %llu were too long.",
                   (unsigned long long)t->lines, (unsigned long long)t->unread, (unsigned long long)t->too_long);
    tell_count(l->repeated, "messages stand in more than one of the files, and count once", out);
    tell_count(t->unsent, "messages of logins were delivered to nobody, and don't count", out);
    tell_count(t->filtered,
               "messages went through a filter before the queue (smtpd_proxy_filter), and don't count: the "
               "log doesn't say which login sent them",
               out);
    tell_count(t->forgotten, "messages were in the queue with too many others to be followed to their end", out);
    tell_count(l->mail.beyond, "messages found no room, and don't count: give fewer files", out);
}

static void put_log(const struct learn *l, struct printer *out)
{
    const struct postfix_log_tally *t = &l->log;

    out->open(out, "log", TREE_OBJECT);
    out->value(out, "first", value_time(t->first_s));
    out->value(out, "last", value_time(t->last_s));
    out->value(out, "lines", value_number(t->lines));
    out->value(out, "not_understood", value_number(t->unread));
    out->value(out, "too_long", value_number(t->too_long));
    out->value(out, "repeated", value_number(l->repeated));
    out->value(out, "undelivered", value_number(t->unsent));
    out->value(out, "filtered", value_number(t->filtered));
    out->value(out, "not_followed", value_number(t->forgotten));
    out->value(out, "no_room", value_number(l->mail.beyond));
    out->close(out);
}

const char *learn_why_nothing(const struct learn *l)
{
    const struct postfix_log_tally *t = &l->log;

    if (!l->from_log || l->n_logins > 0)
        return "there is nothing to take";
    if (t->lines == 0)
        return "the log is empty";
    if (t->unread == t->lines)
        return "no line was understood; expected Postfix's log as syslog writes it (\"Nov 30 06:50:20 relay "
               "postfix/smtpd[17]: ...\", or with a time such as 2026-11-30T06:50:20+00:00), or as \"journalctl -o "
               "short-iso\" does";
    if (t->unsent + t->filtered + l->mail.beyond + l->mail.n_logins > 0)
        return "there is nothing to take";
    return "no message of a login is in the log: no line of smtpd with sasl_username=";
}

/* ---- all ---- */

static void show_people(const struct learn *l, const struct learn_login *const *by_day, struct printer *out)
{
    show_taken(by_day, l->n_logins, out);
    show_left_out(by_day, l->n_logins, out);
    show_networks(l, out);
    if (l->from_log)
        tell_log(l, out);
}

static void show_programs(const struct learn *l, const struct learn_login *const *by_day, struct printer *out)
{
    out->open(out, NULL, TREE_OBJECT);
    out->table(out, &(struct table){TABLE_COLUMNS(login_columns), .name = "logins"});
    for (size_t i = 0; i < l->n_logins; i++)
        put_login(by_day[i], out);
    out->end(out);
    out->table(out, &(struct table){TABLE_COLUMNS(network_columns), .name = "networks"});
    for (size_t i = 0; i < l->n_networks; i++)
        put_network(&l->networks[i], out);
    out->end(out);
    if (l->from_log)
        put_log(l, out);
    out->close(out);
}

int learn_show(const struct learn *l, struct printer *out, struct error *e)
{
    const struct learn_login **by_day = calloc(l->n_logins + 1, sizeof *by_day);

    if (by_day == NULL)
        return error_set(e, "out of memory");
    for (size_t i = 0; i < l->n_logins; i++)
        by_day[i] = &l->logins[i];
    qsort(by_day, l->n_logins, sizeof *by_day, highest_first);
    (out->people ? show_people : show_programs)(l, by_day, out);
    free(by_day);
    return 0;
}
