/* The figure of a limit: its own, an exception's, or the mirrored tenant's. */
#include "core/decide/decide_steps.h"
#include "core/decide/habit.h"
#include "core/decide/limits.h"

/* Does the group or the connector of the exception hold who sends? */
static bool applies(const struct decide_context *c, const struct submission *s, const struct identity *id,
                    const struct limit_exception *exception)
{
    switch (exception->of) {
    case EXCEPT_GROUP:
        return id->authenticated && identity_listed(c, s, id, c->config->groups[exception->group].members,
                                                    LISTED_TO_PERMIT, NULL) == DIRECTORY_FOUND;
    case EXCEPT_CONNECTOR:
        return id->connector == &c->config->connectors[exception->connector];
    default:
        return false; /* a user's is found by its name */
    }
}

static const struct limit_exception *exception_for(const struct decide_context *c, const struct submission *s,
                                                   const struct identity *id, const struct limit_config *limit)
{
    const struct limit_exception *best = NULL;
    struct list_place user;

    if (id->authenticated &&
        identity_listed(c, s, id, limit->exception_users, LISTED_TO_PERMIT, &user) == DIRECTORY_FOUND)
        return &limit->exceptions[user.line - 1];
    for (size_t i = 0; i < limit->n_exceptions; i++) {
        const struct limit_exception *one = &limit->exceptions[i];

        if ((best == NULL || one->of < best->of) && applies(c, s, id, one))
            best = one;
    }
    return best;
}

/* The tenant that the configuration names for who sends. */
static const struct tenant_config *tenant_of(const struct decide_context *c, const struct identity *id)
{
    if (id->connector != NULL && id->connector->tenant != NULL)
        return config_tenant(c->config, slice_of(id->connector->tenant));
    return id->tenant_config;
}

static uint64_t tenant_count(const struct decide_context *c, const struct identity *id, enum limit_mirrored which)
{
    const struct tenant_config *config;

    if (which == FIGURE_EXTERNAL_PER_DAY)
        return (config = tenant_of(c, id)) != NULL ? config->external_recipients_per_day : 0;
    return id->tenant == NULL                  ? 0
           : which == FIGURE_EXTERNAL_PER_HOUR ? id->tenant->external_per_hour
           : which == FIGURE_INTERNAL_PER_HOUR ? id->tenant->internal_per_hour
                                               : id->tenant->recipients_per_day;
}

static const struct limit_rate *tenant_figure(const struct decide_context *c, const struct identity *id,
                                              enum limit_mirrored which, struct limit_rate *room)
{
    bool hourly = which == FIGURE_EXTERNAL_PER_HOUR || which == FIGURE_INTERNAL_PER_HOUR;
    uint64_t count = tenant_count(c, id, which);

    if (count == 0)
        return NULL;
    *room = (struct limit_rate){.rate = {count, hourly ? 3600 : 86400}, .burst = count};
    room->interval_ns = rate_interval_ns(&room->rate, COUNT_RECIPIENTS);
    return room;
}

const struct limit_rate *limit_figure(const struct decide_context *c, const struct submission *s,
                                      const struct identity *id, const struct limit_config *limit,
                                      struct limit_rate *room)
{
    const struct limit_exception *exception = limit->n_exceptions > 0 ? exception_for(c, s, id, limit) : NULL;
    const struct limit_rate *tenants =
        limit->mirrored != FIGURE_OWN && !limit->beyond_habit ? tenant_figure(c, id, limit->mirrored, room) : NULL;

    return exception != NULL ? &exception->figure : tenants != NULL ? tenants : &limit->figure;
}

uint64_t limit_burst_of_habit(const struct limit_config *limit, const struct verdict *v)
{
    uint64_t times = habit_of_application(&v->habit) ? LIMIT_APPLICATIONS_TIMES : 1;

    return v->habit_known ? times * v->habit.most.of[HABIT_MESSAGES][HABIT_DAY] * limit->factor / 100 : 0;
}

struct charge limit_charge_of(const struct limit_rate *figure, uint64_t key, uint64_t cost)
{
    return (struct charge){.key = key, .interval_ns = figure->interval_ns, .burst = figure->burst, .cost = cost};
}
