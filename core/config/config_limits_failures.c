/*
 * Limits on failures to sign in (core/decide/failures.h). Whoever fails has not proved who it is, so that such a limit
 * may hold clients back, but nobody's login: anybody could lock its owner out.
 */
#include "core/config/config_table.h"

/* All that a failure can be in the name of. */
#define PER_NAME (PER_USER | PER_LOGIN | PER_TENANT)
#define PER_MESSAGE (PER_SENDER | PER_SENDER_DOMAIN | PER_RECIPIENT_DOMAIN | PER_CONNECTOR)

static int check_per(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    if ((limit->per & PER_MESSAGE) != 0)
        return setting_error(r, setting_member(s, "per"),
                             "who signs in has neither a connector nor a message yet; count failures per client or "
                             "client_net, or tell of them per login");
    if (limit->count == COUNT_FAILED_LOGINS && (limit->per & (PER_USER | PER_LOGIN)) != 0)
        return setting_error(r, setting_member(s, "count"),
                             "with this \"per\" there is never more than one of them; count them per client_net");
    if (limit->count == COUNT_FAILING_NETS && (limit->per & (PER_CLIENT | PER_CLIENT_NET)) != 0)
        return setting_error(r, setting_member(s, "count"),
                             "with this \"per\" there is never more than one of them; count them per login");
    return 0;
}

static int check_then(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    if ((limit->per & PER_NAME) != 0 && limit->then != THEN_MONITOR)
        return setting_error(r, setting_member(s, "then"),
                             "anybody can fail to sign in under somebody else's name: whoever wants to could lock the "
                             "owner out by limit \"%s\"; use then = \"monitor\", which tells of it, and hold back "
                             "clients: per = \"client_net\"",
                             limit->name);
    if (limit->then == THEN_REJECT || limit->then == THEN_HOLD)
        return setting_error(r, setting_member(s, "then"),
                             "what has failed can't be refused or held; use \"block 15m\", \"defer\" or \"monitor\"");
    return 0;
}

/* Clients are held back before anybody knows who signs in. */
static int check_others(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    static const char *const unknown[] = {"only", "except", "reply"};

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (config_setting_get_member(s, unknown[i]) != NULL)
            return setting_error(r, setting_member(s, unknown[i]),
                                 "failures to sign in are counted before anybody has proved who it is: such a limit is "
                                 "the same for all");
    return limit->authenticated ? 0 : setting_error(r, setting_member(s, "for"), "a connector's clients don't sign in");
}

int limit_check_failures(const struct reader *r, const config_setting_t *s, const struct limit_config *limit)
{
    if (!limit_counts_failures(limit))
        return 0;
    return check_per(r, s, limit) != 0 || check_then(r, s, limit) != 0 || check_others(r, s, limit) != 0 ? -1 : 0;
}
