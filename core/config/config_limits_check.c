#include "core/config/config_table.h"

/* Refuses limits that make no sense: combinations that would count nothing, or always the same. */

#define PER_AUTHENTICATED (PER_USER | PER_LOGIN)

/* Keys that can be blocked, each of them alone (core/state/blocks.h). */
static const unsigned blockable[] = {PER_USER, PER_LOGIN, PER_CLIENT, PER_CLIENT_NET, PER_CONNECTOR};

/* For these keys there is never more than one distinct value. */
static const unsigned fixed_by[] = {
    [DISTINCT_CLIENT] = PER_CLIENT, [DISTINCT_CLIENT_NET] = PER_CLIENT | PER_CLIENT_NET, [DISTINCT_SENDER] = PER_SENDER,
    [DISTINCT_RECIPIENT] = 0,       [DISTINCT_RECIPIENT_DOMAIN] = PER_RECIPIENT_DOMAIN,
};

static bool can_block(unsigned per)
{
    for (size_t i = 0; i < sizeof blockable / sizeof blockable[0]; i++)
        if (per == blockable[i])
            return true;
    return false;
}

static bool uses_client_net(const struct limit_config *limit)
{
    return limit->unfamiliar || (limit->per & PER_CLIENT_NET) != 0 || limit->count == COUNT_FAILING_NETS ||
           (limit->count == COUNT_DISTINCT && limit->distinct == DISTINCT_CLIENT_NET);
}

static int check_whom(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    bool per_login = (limit->per & PER_AUTHENTICATED) != 0, per_connector = (limit->per & PER_CONNECTOR) != 0;

    if (per_login && per_connector)
        return setting_error(r, setting_member(s, "per"), "no message has both a login and a connector");
    if (per_connector && !limit->connectors)
        return setting_error(r, setting_member(s, "for"), "a limit per connector can't be for logins only");
    if (per_login && !limit->authenticated)
        return setting_error(r, setting_member(s, "for"), "a limit per user or login can't be for connectors only");
    return 0;
}

static int check_meaning(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    if (limit->count == COUNT_DISTINCT && (limit->per & fixed_by[limit->distinct]) != 0)
        return setting_error(r, setting_member(s, "count"),
                             "with this \"per\" there is never more than one of them; "
                             "count them per user, for example");
    if ((limit->count == COUNT_DENIALS || limit->count == COUNT_DEFERRALS || limit->count == COUNT_DEFERRED) &&
        limit->then == THEN_HOLD)
        return setting_error(r, setting_member(s, "then"),
                             "what was denied can't be held; use \"defer\" or \"block 15m\"");
    if (limit->count == COUNT_DENIALS && (limit->per & (PER_SENDER | PER_SENDER_DOMAIN)) != 0)
        return setting_error(r, setting_member(s, "per"),
                             "anybody can be refused in a sender's name: whoever wants to could hold back its mail by "
                             "limit \"%s\"; count denials per user, login, client or client_net",
                             limit->name);
    if (limit->unfamiliar && !limit->authenticated)
        return setting_error(r, setting_member(s, "from"), "a connector's networks are never unfamiliar");
    if (limit->then == THEN_BLOCK && !can_block(limit->per))
        return setting_error(r, setting_member(s, "then"),
                             "only one user, login, client, client_net or connector can be blocked; set \"per\" so");
    if (limit->disable_at_source && (limit->per & PER_AUTHENTICATED) == 0)
        return setting_error(r, setting_member(s, "then"),
                             "only the mailbox of a user or login can be disabled; set \"per\" so");
    if (config_setting_get_member(s, "client_net") != NULL && !uses_client_net(limit))
        return setting_error(r, setting_member(s, "client_net"), "nothing in this limit is about client_net");
    return 0;
}

static bool has(const config_setting_t *s, const char *name)
{
    return config_setting_get_member(s, name) != NULL;
}

static int check_no_habit(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    static const char *const names[] = {"factor", "ceiling", "learning", "learning_known"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (has(s, names[i]))
            return setting_error(r, setting_member(s, names[i]), "this has a meaning with beyond = \"habit\" only");
    if (limit->defers && (limit->per == PER_CLIENT || limit->per == PER_CLIENT_NET))
        return setting_error(r, setting_member(s, "then"), "only a block of a user, login or connector can defer");
    return 0;
}

/* An hour or a day: the windows that a habit is learnt in. */
static bool is_window(const struct limit_rate *figure)
{
    return figure->unlimited || figure->rate.period_s == 3600 || figure->rate.period_s == 86400;
}

static int check_habit_window(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    if (limit->figure.unlimited || !is_window(&limit->figure) || has(s, "burst"))
        return setting_error(
            r, setting_member(s, "rate"),
            "a limit beyond a habit has a rate such as \"20/h\" or \"100/d\": what may come in any hour "
            "or day beside the habit; and no burst");
    for (size_t i = 0; i < limit->n_exceptions; i++) {
        const config_setting_t *except = config_setting_get_elem(config_setting_get_member(s, "except"), (unsigned)i);
        const struct limit_rate *figure = &limit->exceptions[i].figure;

        if (!figure->unlimited && (figure->rate.period_s != limit->figure.rate.period_s || has(except, "burst")))
            return setting_error(r, except, "expected a rate in the limit's own unit of time, and no burst");
    }
    if (limit->then != THEN_DEFER && limit->then != THEN_MONITOR)
        return setting_error(r, setting_member(s, "then"),
                             "a limit beyond a habit can only \"defer\" or \"monitor\"; block by a limit that counts "
                             "\"deferred messages\"");
    return 0;
}

static int check_habit(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    if (limit->count == COUNT_DEFERRED && limit->then != THEN_BLOCK && limit->then != THEN_MONITOR)
        return setting_error(r, setting_member(s, "then"),
                             "what was deferred can only lead to \"block 24h\", or to \"monitor\"");
    if (!limit->beyond_habit)
        return check_no_habit(r, s, limit);
    if (limit->per != PER_USER && limit->per != PER_CONNECTOR)
        return setting_error(r, setting_member(s, "per"), "habits are learnt per user and per connector only");
    if (limit->unfamiliar)
        return setting_error(r, setting_member(s, "from"), "a habit is the same from wherever a login is used");
    if (limit->count == COUNT_DEFERRED)
        return 0;
    if (limit->count != COUNT_MESSAGES && limit->count != COUNT_RECIPIENTS)
        return setting_error(r, setting_member(s, "count"), "habits are learnt of messages and recipients only");
    return check_habit_window(r, s, limit);
}

static int check_exceptions(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    const config_setting_t *list = config_setting_get_member(s, "except");

    for (size_t i = 0; i < limit->n_exceptions; i++) {
        const struct limit_exception *exception = &limit->exceptions[i];
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
        bool connector = exception->of == EXCEPT_CONNECTOR;

        for (const struct limit_exception *other = limit->exceptions; other < exception; other++)
            if (other->of == exception->of && strcmp(other->name, exception->name) == 0)
                return setting_error(r, element, "a second exception for \"%s\"", exception->name);
        if (connector && (!limit->connectors || (limit->per & PER_AUTHENTICATED) != 0))
            return setting_error(r, element, "this limit is not for connectors, so it needs no exception for one");
        if (!connector && (!limit->authenticated || (limit->per & PER_CONNECTOR) != 0))
            return setting_error(r, element, "this limit is for connectors, so it needs no exception for logins");
    }
    return 0;
}

int limit_check(struct reader *r, const config_setting_t *s, void *target)
{
    const struct limit_config *limit = target;

    if (limit_check_failures(r, s, limit) != 0)
        return -1;
    for (const struct limit_config *other = r->config->limits; other < limit; other++)
        if (strcmp(other->name, limit->name) == 0)
            return setting_error(r, s, "a second limit of the name \"%s\"", limit->name);
    if (figure_check(&limit->figure, limit->count, r->e) != 0)
        return setting_error_around(r, s);
    if (check_whom(r, s, limit) != 0 || check_meaning(r, s, limit) != 0 || check_habit(r, s, limit) != 0 ||
        limit_check_only(r, s, limit) != 0)
        return -1;
    return check_exceptions(r, s, limit);
}
