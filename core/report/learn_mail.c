/* What was learnt from single messages: each login's largest hour and day, and its tenant's networks. */
#include "core/base/clock.h"
#include "core/decide/familiar.h"
#include "core/report/learn.h"
#include "core/state/habits_teach.h"

#include <stdlib.h>

#define DAY_S 86400u
#define WEEK_S (7 * DAY_S)

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* ---- logins ---- */

/* A login of the log, whose mailbox may have others, too. */
struct spelling {
    uint64_t key;
    uint32_t login;
};

static int by_key(const void *a, const void *b)
{
    const struct spelling *x = a, *y = b;

    return x->key != y->key ? (x->key < y->key ? -1 : 1) : (x->login < y->login ? -1 : x->login > y->login);
}

/* One of l->logins for each key; person_of[login] gets its place. */
static int find_logins(struct learn *l, uint32_t *person_of, struct error *e)
{
    size_t n = l->mail.n_logins;
    struct spelling *spellings = calloc(n + 1, sizeof *spellings);
    int rc = 0;

    if (spellings == NULL)
        return error_set(e, "out of memory");
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct learn_login one = {.name = NULL};

        if (!learn_find(l, "user", l->mail.logins[i], &one))
            rc = error_set(e, "out of memory");
        spellings[i] = (struct spelling){one.key, (uint32_t)i};
        free(one.name);
    }
    qsort(spellings, n, sizeof *spellings, by_key);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (i == 0 || spellings[i].key != spellings[i - 1].key) {
            struct learn_login *login = learn_add_login(l, e);

            if (login == NULL || !learn_find(l, "user", l->mail.logins[spellings[i].login], login))
                rc = error_set(e, "out of memory");
        }
        person_of[spellings[i].login] = (uint32_t)l->n_logins - 1;
    }
    free(spellings);
    return rc;
}

/* ---- days ---- */

struct day {
    uint32_t day; /* since 1970 */
    uint32_t of[HABIT_COUNTS];
};

struct days {
    struct day *days;
    size_t n, capacity;
};

static bool count_day(struct days *d, const struct mail_message *m)
{
    uint32_t day = m->at_s / DAY_S;

    if (d->n == 0 || d->days[d->n - 1].day != day) {
        if (d->n == d->capacity) {
            struct day *more = reallocarray(d->days, d->capacity * 2 + 64, sizeof *more);

            if (more == NULL)
                return false;
            d->days = more;
            d->capacity = d->capacity * 2 + 64;
        }
        d->days[d->n++] = (struct day){.day = day};
    }
    d->days[d->n - 1].of[HABIT_MESSAGES]++;
    if (m->recipients < UINT32_MAX - d->days[d->n - 1].of[HABIT_RECIPIENTS])
        d->days[d->n - 1].of[HABIT_RECIPIENTS] += m->recipients;
    return true;
}

static int by_messages(const void *a, const void *b)
{
    uint32_t x = ((const struct day *)a)->of[HABIT_MESSAGES], y = ((const struct day *)b)->of[HABIT_MESSAGES];

    return x < y ? -1 : x > y;
}

static int by_recipients(const void *a, const void *b)
{
    uint32_t x = ((const struct day *)a)->of[HABIT_RECIPIENTS], y = ((const struct day *)b)->of[HABIT_RECIPIENTS];

    return x < y ? -1 : x > y;
}

/* Does the busiest day stand out from the others? Of two days in the middle the lesser counts. */
static void judge_days(struct learn_login *login, struct days *d)
{
    static const struct {
        int (*order)(const void *a, const void *b);
        const char *what;
        uint32_t least;
    } counts[HABIT_COUNTS] = {[HABIT_MESSAGES] = {by_messages, "messages", LEARN_OUTLIER_MESSAGES},
                              [HABIT_RECIPIENTS] = {by_recipients, "recipients", LEARN_OUTLIER_RECIPIENTS}};

    if (d->n == 0)
        return;
    login->days = (uint32_t)d->n;
    for (unsigned c = 0; c < HABIT_COUNTS && login->verdict == LEARN_TAKEN; c++) {
        uint64_t median, most;

        qsort(d->days, d->n, sizeof *d->days, counts[c].order);
        median = d->days[(d->n - 1) / 2].of[c];
        most = d->days[d->n - 1].of[c];
        if (most <= counts[c].least || (d->n >= LEARN_OUTLIER_DAYS && most <= LEARN_OUTLIER_TIMES * median))
            continue;
        login->verdict = d->n < LEARN_OUTLIER_DAYS ? LEARN_FEW_DAYS : LEARN_OUTLIER;
        login->what = counts[c].what;
        login->busiest = (uint32_t)most;
        login->median = (uint32_t)median;
        login->busiest_s = (int64_t)d->days[d->n - 1].day * DAY_S;
    }
}

/* ---- figures ---- */

/* The highest that a limit relative to a habit lets pass: more than that need not be learnt. 0: there is no bound. */
static uint64_t ceiling_of(const struct config *config, unsigned count, unsigned window)
{
    uint64_t highest = 0;

    for (size_t i = 0; i < config->n_limits; i++) {
        const struct limit_config *limit = &config->limits[i];

        if (!limit->beyond_habit || (limit->count == COUNT_MESSAGES ? HABIT_MESSAGES : HABIT_RECIPIENTS) != count ||
            (limit->figure.rate.period_s == 3600 ? HABIT_HOUR : HABIT_DAY) != window ||
            (limit->count != COUNT_MESSAGES && limit->count != COUNT_RECIPIENTS))
            continue;
        if (limit->ceiling == 0)
            return 0;
        highest = limit->ceiling > highest ? limit->ceiling : highest;
    }
    return highest;
}

static void cut_at_ceilings(const struct config *config, struct habit_figures *most)
{
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            uint64_t ceiling = ceiling_of(config, c, w);

            if (ceiling != 0 && most->of[c][w] > ceiling)
                most->of[c][w] = (uint32_t)ceiling;
        }
}

static void measure(const struct learn *l, const struct mail_message *m, struct habit_measure *windows,
                    struct habit_figures *most)
{
    int64_t age_s = l->context->wall_s - m->at_s;
    unsigned weeks = age_s > 0 ? (unsigned)(age_s / WEEK_S) : 0;
    struct habit_figures sums;

    habit_measure_add(windows, (const uint32_t[]){1, m->recipients}, m->at_s, &sums);
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        for (unsigned w = 0; w < HABIT_WINDOWS; w++)
            most->of[c][w] = larger(most->of[c][w], habit_faded(sums.of[c][w], weeks));
}

/* The messages of one login, in the order of time. */
static int judge_login(struct learn *l, struct learn_login *login, const struct mail_message *m, size_t n,
                       struct days *days, struct error *e)
{
    struct habit_measure windows = {.windows = {{{.both = 0}}}};

    days->n = 0;
    login->messages = n;
    login->first_s = m[0].at_s;
    login->last_s = m[n - 1].at_s;
    for (size_t i = 0; i < n; i++) {
        measure(l, &m[i], &windows, &login->most);
        if (!count_day(days, &m[i]))
            return error_set(e, "out of memory");
    }
    judge_days(login, days);
    for (size_t i = 0; i < l->n_include; i++)
        if (l->include[i].key == login->key) {
            l->include[i].met = true;
            login->verdict = login->verdict != LEARN_UNKNOWN ? LEARN_TAKEN : LEARN_UNKNOWN;
        }
    return 0;
}

/* ---- networks ---- */

static int by_tenant_network_day(const void *a, const void *b)
{
    const struct learn_network *x = a, *y = b;
    int order = memcmp(&x->network.base, &y->network.base, sizeof x->network.base);

    if (x->tenant_hash != y->tenant_hash)
        return x->tenant_hash < y->tenant_hash ? -1 : 1;
    if (order != 0 || x->network.prefix != y->network.prefix)
        return order != 0 ? order : x->network.prefix - y->network.prefix;
    return x->first_s < y->first_s ? -1 : x->first_s > y->first_s;
}

static bool same_network(const struct learn_network *a, const struct learn_network *b)
{
    return a->tenant_hash == b->tenant_hash && a->network.prefix == b->network.prefix &&
           memcmp(&a->network.base, &b->network.base, sizeof a->network.base) == 0;
}

/* Notes the networks of one login's messages, each once a day. */
static int note_networks(struct learn *l, const struct learn_login *login, const struct mail_message *m, size_t n,
                         struct error *e)
{
    const struct config *config = l->context->config;

    for (const struct limit_config *size = networks_size(config, NULL); size != NULL;
         size = networks_size(config, size))
        for (size_t i = 0, begin = l->n_networks; i < n; i++) {
            struct learn_network one = {.tenant = login->tenant,
                                        .tenant_hash = login->tenant_hash,
                                        .network = network_around(&m[i].client, size->v4_prefix, size->v6_prefix),
                                        .days = 1,
                                        .first_s = m[i].at_s,
                                        .last_s = m[i].at_s};
            struct learn_network *last = l->n_networks > begin ? &l->networks[l->n_networks - 1] : NULL;

            if (!m[i].has_client)
                continue;
            if (last != NULL && same_network(last, &one) && last->first_s / DAY_S == one.first_s / DAY_S) {
                last->last_s = one.last_s;
                continue;
            }
            if ((last = learn_add_network(l, e)) == NULL)
                return -1;
            *last = one;
        }
    return 0;
}

/* Makes one of the notes about each network. */
static void join_networks(struct learn *l)
{
    size_t n = 0;

    if (l->n_networks > 0)
        qsort(l->networks, l->n_networks, sizeof *l->networks, by_tenant_network_day);
    for (size_t i = 0; i < l->n_networks; i++) {
        const struct learn_network *next = &l->networks[i];
        struct learn_network *last = n > 0 ? &l->networks[n - 1] : NULL;

        if (last == NULL || !same_network(last, next)) {
            l->networks[n++] = *next;
            continue;
        }
        last->days += next->first_s / DAY_S != last->last_s / DAY_S ? next->days : 0;
        last->last_s = next->last_s > last->last_s ? next->last_s : last->last_s;
        last->usual |= next->usual;
    }
    l->n_networks = n;
}

static bool is_known_already(const struct learn *l, const struct learn_network *network)
{
    const struct submission s = {.has_client = true, .client = network->network.base};
    const struct identity id = {.authenticated = true, .tenant_hash = network->tenant_hash};

    return network_known(l->context, &s, &id);
}

static void judge_networks(struct learn *l)
{
    size_t n = 0;

    join_networks(l);
    for (size_t i = 0; i < l->n_networks; i++) {
        struct learn_network *x = &l->networks[i];

        if (is_known_already(l, x)) {
            l->networks_known++;
            continue;
        }
        x->usual |= x->days >= LEARN_NETWORK_DAYS && x->last_s - x->first_s >= (int64_t)FAMILIAR_AFTER_S;
        x->usual &= x->last_s + (int64_t)FAMILIAR_FOR_S > l->context->wall_s;
        l->networks[n++] = *x;
    }
    l->n_networks = n;
}

/* ---- all ---- */

static int by_login_and_time(const void *a, const void *b)
{
    const struct mail_message *x = a, *y = b;
    int order;

    if (x->login != y->login)
        return x->login < y->login ? -1 : 1;
    if (x->at_s != y->at_s)
        return x->at_s < y->at_s ? -1 : 1;
    if ((order = memcmp(x->mark, y->mark, sizeof x->mark)) != 0)
        return order;
    return x->recipients > y->recipients ? -1 : x->recipients < y->recipients;
}

static bool is_same(const struct mail_message *a, const struct mail_message *b)
{
    static const uint8_t none[MAIL_SEEN_MARK];

    return a->login == b->login && a->at_s == b->at_s && memcmp(a->mark, b->mark, sizeof a->mark) == 0 &&
           memcmp(a->mark, none, sizeof none) != 0;
}

/*
 * A message that stands in two of the files counts once: syslog often writes to mail.log and to another file besides,
 * and a log may be there under two names. Of a file that ends too early some recipients are missing.
 */
static void drop_repeated(struct learn *l, struct mail_seen *mail)
{
    size_t n = 0;

    for (size_t i = 0; i < mail->n; i++)
        if (n > 0 && is_same(&mail->messages[n - 1], &mail->messages[i]))
            l->repeated++;
        else
            mail->messages[n++] = mail->messages[i];
    mail->n = n;
}

static int judge_mail(struct learn *l, struct error *e)
{
    struct mail_seen *mail = &l->mail;
    struct days days = {.n = 0};
    int rc = 0;

    qsort(mail->messages, mail->n, sizeof *mail->messages, by_login_and_time);
    drop_repeated(l, mail);
    for (size_t i = 0, end; i < mail->n && rc == 0; i = end) {
        struct learn_login *login = &l->logins[mail->messages[i].login];

        for (end = i; end < mail->n && mail->messages[end].login == mail->messages[i].login; end++)
            continue;
        rc = judge_login(l, login, &mail->messages[i], end - i, &days, e);
        if (rc == 0 && login->verdict == LEARN_TAKEN)
            rc = note_networks(l, login, &mail->messages[i], end - i, e);
    }
    free(days.days);
    return rc;
}

static int find_included(struct learn *l, struct error *e)
{
    for (size_t i = 0; i < l->n_include; i++) {
        struct learn_login named = {.name = NULL};
        bool found = learn_find(l, "user", l->include[i].name, &named);

        free(named.name);
        if (!found)
            return error_set(e, "out of memory");
        l->include[i].key = named.key;
    }
    return 0;
}

/* Logins none of whose messages arrived have sent nothing. */
static void drop_silent(struct learn *l, size_t first)
{
    size_t n = first;

    for (size_t i = first; i < l->n_logins; i++)
        if (l->logins[i].messages > 0)
            l->logins[n++] = l->logins[i];
        else
            free(l->logins[i].name);
    l->n_logins = n;
}

int learn_judge(struct learn *l, struct error *e)
{
    uint32_t *person_of = calloc(l->mail.n_logins + 1, sizeof *person_of);
    size_t first = l->n_logins;
    int rc;

    if (person_of == NULL)
        return error_set(e, "out of memory");
    rc = find_logins(l, person_of, e);
    for (size_t i = 0; i < l->mail.n && rc == 0; i++)
        l->mail.messages[i].login = person_of[l->mail.messages[i].login];
    free(person_of);
    if (rc != 0 || find_included(l, e) != 0 || (l->mail.n > 0 && judge_mail(l, e) != 0))
        return -1;
    drop_silent(l, first);
    for (size_t i = 0; i < l->n_logins; i++)
        cut_at_ceilings(l->context->config, &l->logins[i].most);
    judge_networks(l);
    return 0;
}
