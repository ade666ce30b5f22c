#include "core/config/config_table.h"

/*
 * What Exchange Online itself lets a mailbox send: 30 messages a minute, 10,000 recipients in 24 hours (Microsoft,
 * "Exchange Online limits", sending limits), at most 1,000 recipients in one message, and the limits of the tenant's
 * outbound spam policy, if it sets any (Set-HostedOutboundSpamFilterPolicy).
 *
 * The bursts: a minute's worth of messages, since people and devices send in batches, and the recipients of one largest
 * message. So at most 60 messages pass in any minute and 11,000 recipients in any 24 hours; in the long run no more
 * than the published figures.
 */
#define LIMIT_PRESET(limit_name, limit_count, limit_mirrored, ...)                                                     \
    {                                                                                                                  \
        .name = limit_name, .per = PER_USER, .count = limit_count, .mirrored = limit_mirrored, .then = THEN_DEFER,     \
        .v4_prefix = 24, .v6_prefix = 64, .authenticated = true, .connectors = true, .figure = {                       \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

#define MIRRORED_HOURLY                                                                                                \
    LIMIT_PRESET("external-rate", COUNT_EXTERNAL, FIGURE_EXTERNAL_PER_HOUR, .unlimited = true),                        \
        LIMIT_PRESET("internal-rate", COUNT_INTERNAL, FIGURE_INTERNAL_PER_HOUR, .unlimited = true)

/*
 * What the service counts for a whole organization, in any 24 hours, and refuses with the reply that stands here: 100
 * external recipients of mail from its onmicrosoft.com addresses, and as many of all its mail as its licences give it
 * (the tenant external recipient rate limit). A day's worth may come at once, as there: so nothing is refused here that
 * would pass there, while up to twice as much may pass in a single day.
 */
#define LIMIT_ORGANIZATION(limit_name, limit_mirrored, limit_reply, ...)                                               \
    {                                                                                                                  \
        .name = limit_name, .per = PER_TENANT, .count = COUNT_EXTERNAL, .mirrored = limit_mirrored,                    \
        .then = THEN_REJECT, .v4_prefix = 24, .v6_prefix = 64, .authenticated = true, .connectors = true,              \
        .reply = limit_reply, .figure = {                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

#define ONMICROSOFT "onmicrosoft-rate"

static const struct limit_config exchange_online[] = {
    LIMIT_PRESET("message-rate", COUNT_MESSAGES, FIGURE_OWN, .rate = {30, 60}, .burst = 30),
    LIMIT_PRESET("recipient-rate", COUNT_RECIPIENTS, FIGURE_RECIPIENTS_PER_DAY, .rate = {10000, 86400}, .burst = 1000),
    MIRRORED_HOURLY,
    LIMIT_ORGANIZATION(ONMICROSOFT, FIGURE_OWN,
                       "550 5.7.236 Your message can't be sent because your tenant has exceeded its daily limit for "
                       "sending email to external recipients from onmicrosoft.com addresses",
                       .rate = {100, 86400}, .burst = 100),
    LIMIT_ORGANIZATION("tenant-external-rate", FIGURE_EXTERNAL_PER_DAY,
                       "550 5.7.233 Your message can't be sent because your tenant has exceeded its daily limit for "
                       "sending email to external recipients (tenant external recipient rate limit)",
                       .unlimited = true),
};

/*
 * Guessing of passwords, by the networks that it comes from, and not in those that a tenant is familiar with; and of
 * one login's from many networks, which is only told of, since a block would lock out its owner. What people mistype
 * stays far below. A network is what one subscriber has: a /24 or a /64.
 */
#define LIMIT_FAILURES(limit_name, limit_count, seconds, ...)                                                          \
    {                                                                                                                  \
        .name = limit_name, .per = PER_CLIENT_NET, .count = limit_count, .then = THEN_BLOCK, .block_s = seconds,       \
        .v4_prefix = 24, .v6_prefix = 64, .unfamiliar = true, .authenticated = true, .connectors = true, .figure = {   \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

#define FAILURES                                                                                                       \
    LIMIT_FAILURES("guessing", COUNT_FAILURES, 900, .rate = {20, 3600}, .burst = 20),                                  \
        LIMIT_FAILURES("spraying", COUNT_FAILED_LOGINS, 3600, .rate = {10, 3600}, .burst = 10),                        \
    {                                                                                                                  \
        .name = "botnet", .per = PER_LOGIN, .count = COUNT_FAILING_NETS, .then = THEN_MONITOR, .v4_prefix = 24,        \
        .v6_prefix = 64, .authenticated = true, .connectors = true, .figure = {                                        \
            .rate = {20, 86400},                                                                                       \
            .burst = 20                                                                                                \
        }                                                                                                              \
    }

/*
 * What people and devices send, and little more. For how these figures were found, and what each achieves, see
 * bench/blunting/README.md. The message rate is Exchange Online's with a larger burst, for mail merges and alert
 * storms.
 *
 * The strictest apply to logins from unfamiliar networks (core/decide/familiar.h). Providers assign addresses from
 * networks of about /20 and /32, so that a home or a mobile phone stays familiar.
 */
#define LIMIT_UNFAMILIAR(limit_name, limit_count, limit_then, seconds, ...)                                            \
    {                                                                                                                  \
        .name = limit_name, .per = PER_USER, .count = limit_count, .distinct = DISTINCT_CLIENT_NET,                    \
        .then = limit_then, .block_s = seconds, .v4_prefix = 20, .v6_prefix = 32, .unfamiliar = true,                  \
        .authenticated = true, .connectors = true, .figure = {                                                         \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

/* Until a habit counts in its place. */
#define LIMIT_FOR_NEW(limit_name, limit_count, limit_mirrored, ...)                                                    \
    {                                                                                                                  \
        .name = limit_name, .per = PER_USER, .count = limit_count, .mirrored = limit_mirrored, .then = THEN_DEFER,     \
        .v4_prefix = 24, .v6_prefix = 64, .authenticated = true, .connectors = true, .until_habit = true, .figure = {  \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

/*
 * Whoever is known is held at its own measure: so many messages or recipients in an hour or a day beyond the largest of
 * the last months (core/state/habits.h). No habit goes beyond what Exchange Online lets a mailbox send. The sum of the
 * day's recipients is that of one largest message, so that none is refused for good.
 */
#define LIMIT_HABIT(limit_name, limit_count, plus, seconds, times, limit_mirrored, new_figure, new_known)              \
    {                                                                                                                  \
        .name = (limit_name), .per = PER_USER, .count = (limit_count), .mirrored = (limit_mirrored),                   \
        .then = THEN_DEFER, .v4_prefix = 24, .v6_prefix = 64, .authenticated = true, .connectors = false,              \
        .beyond_habit = true, .factor = (times), .ceiling = 10000, .learning = (new_figure),                           \
        .learning_known = (new_known), .figure = {                                                                     \
            .rate = {(plus), (seconds)},                                                                               \
            .burst = (plus)                                                                                            \
        }                                                                                                              \
    }

#define HABITS                                                                                                         \
    LIMIT_HABIT("habit-hour", COUNT_MESSAGES, 20, 3600, 150, FIGURE_OWN, 60, 100),                                     \
        LIMIT_HABIT("habit-day", COUNT_MESSAGES, 85, 86400, 120, FIGURE_OWN, 150, 0),                                  \
        LIMIT_HABIT("habit-recipients-hour", COUNT_RECIPIENTS, 300, 3600, 150, FIGURE_OWN, 1000, 1000),                \
        LIMIT_HABIT("habit-recipients-day", COUNT_RECIPIENTS, 1000, 86400, 150, FIGURE_RECIPIENTS_PER_DAY, 1000, 0),   \
    {                                                                                                                  \
        .name = "habit-again", .per = PER_USER, .count = COUNT_DEFERRED, .then = THEN_BLOCK, .block_s = 86400,         \
        .defers = true, .v4_prefix = 24, .v6_prefix = 64, .authenticated = true, .beyond_habit = true, .factor = 50,   \
        .figure = {                                                                                                    \
            .rate = {10, 3600},                                                                                        \
            .burst = 500                                                                                               \
        }                                                                                                              \
    }

/*
 * Connectors: only the day, and far beyond the habit, since devices don't try again, and since one connector may stand
 * for many machines. Nothing while the habit is being learnt.
 */
#define LIMIT_HABIT_CONNECTOR(limit_name, limit_count, plus)                                                           \
    {                                                                                                                  \
        .name = (limit_name), .per = PER_CONNECTOR, .count = (limit_count), .then = THEN_DEFER, .v4_prefix = 24,       \
        .v6_prefix = 64, .connectors = true, .beyond_habit = true, .factor = 300, .figure = {                          \
            .rate = {(plus), 86400},                                                                                   \
            .burst = (plus)                                                                                            \
        }                                                                                                              \
    }

static const struct limit_config standard[] = {
    LIMIT_FOR_NEW("message-rate", COUNT_MESSAGES, FIGURE_OWN, .rate = {30, 60}, .burst = 150),
    LIMIT_FOR_NEW("recipient-rate", COUNT_RECIPIENTS, FIGURE_RECIPIENTS_PER_DAY, .rate = {10000, 86400}, .burst = 1000),
    HABITS,
    LIMIT_HABIT_CONNECTOR("connector-day", COUNT_MESSAGES, 2000),
    LIMIT_HABIT_CONNECTOR("connector-recipients-day", COUNT_RECIPIENTS, 5000),
    MIRRORED_HOURLY,
    LIMIT_UNFAMILIAR("unfamiliar-rate", COUNT_MESSAGES, THEN_DEFER, 0, .rate = {12, 3600}, .burst = 28),
    LIMIT_UNFAMILIAR("unfamiliar-volume", COUNT_MESSAGES, THEN_DEFER, 0, .rate = {60, 86400}, .burst = 140),
    LIMIT_UNFAMILIAR("unfamiliar-again", COUNT_DEFERRED, THEN_BLOCK, 3600, .rate = {40, 3600}, .burst = 2500),
    LIMIT_UNFAMILIAR("roaming", COUNT_DISTINCT, THEN_BLOCK, 3600, .rate = {10, 86400}, .burst = 20),
    FAILURES,
};

static const struct {
    const struct limit_config *limits;
    size_t n;
} presets[] = {
    [PRESET_NONE] = {NULL, 0},
    [PRESET_EXCHANGE_ONLINE] = {exchange_online, sizeof exchange_online / sizeof exchange_online[0]},
    [PRESET_STANDARD] = {standard, sizeof standard / sizeof standard[0]},
};

static bool is_replaced(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_limits; i++)
        if (strcmp(c->limits[i].name, name) == 0)
            return true;
    return false;
}

/* A list can't stand in a constant table. The limits are the configuration's by now, which frees their lists. */
static int narrow(struct reader *r, struct limit_config *limits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct limit_only *only = &limits[i].only;

        if (strcmp(limits[i].name, ONMICROSOFT) != 0)
            continue;
        if (list_parse_senders(SLICE("@.onmicrosoft.com"), "preset", &only->sender_domains, r->e) != 0)
            return -1;
        only->set = true;
    }
    return 0;
}

int preset_add(struct reader *r)
{
    struct config *c = r->config;
    struct limit_config *limits;
    size_t n = 0;

    if (c->preset == PRESET_NONE)
        return 0;
    limits = config_alloc(r, CONFIG_LIMITS_MAX, sizeof *limits);
    if (limits == NULL)
        return -1;
    for (size_t i = 0; i < presets[c->preset].n; i++)
        if (!is_replaced(c, presets[c->preset].limits[i].name))
            limits[n++] = presets[c->preset].limits[i];
    if (n + c->n_limits > CONFIG_LIMITS_MAX)
        return setting_error(r, NULL, "limits: %zu limits, with the preset's; at most %d are allowed", n + c->n_limits,
                             CONFIG_LIMITS_MAX);
    if (c->n_limits > 0)
        memcpy(limits + n, c->limits, c->n_limits * sizeof *limits);
    c->limits = limits;
    c->n_limits += n;
    return narrow(r, limits, n);
}
