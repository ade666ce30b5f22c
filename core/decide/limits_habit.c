/*
 * Limits relative to a habit. The sum keeps a small habit from being a strait, the factor a large one from being a
 * licence: bench/blunting/README.md says how the figures were found.
 */
#include "core/decide/decide_steps.h"
#include "core/decide/familiar.h"
#include "core/decide/habit.h"
#include "core/decide/limits_parts.h"

#define HUNDREDTHS 100
/* More than any window can count, and far from where sums would wrap round. */
#define HABIT_UNITS_MOST 1000000u
/* A message that may pass when it comes again has to wait for nothing. */
#define AGAIN_NS UINT64_C(1000000000)

/* What holds while the login is being learnt; 0: nothing does. */
static uint64_t learning_figure(const struct looking *l, const struct limit_config *limit)
{
    return l->known_network ? limit->learning_known : limit->learning;
}

/* Limits of the same count that are meant for who has no habit yet give way. Not where others are counted with it. */
static void note_held(const struct deciding *d, struct looking *l, const struct limit_config *limit)
{
    const struct habit *habit = &d->v->habit;

    if (!habit->crowded && limit->then == THEN_DEFER && (habit->learnt || learning_figure(l, limit) != 0))
        l->of_habit |= 1u << limit->count;
}

void habit_begin(struct deciding *d, struct looking *l)
{
    const struct decide_context *c = d->c;
    struct verdict *v = d->v;
    uint64_t key, recipients;

    if (!c->config->limits_use_habits || c->habits == NULL || c->charged != CHARGED_NOTHING ||
        (key = key_of_habit(c, &v->identity)) == 0)
        return;
    recipients = recipient_counts(d).all;
    v->plan.habit =
        (struct habit_charge){.key = key,
                              .units = {1, recipients < HABIT_UNITS_MOST ? (uint32_t)recipients : HABIT_UNITS_MOST},
                              .limit = {{{HABIT_UNLIMITED, HABIT_UNLIMITED}, {HABIT_UNLIMITED, HABIT_UNLIMITED}}}};
    habits_look(c->habits, key, c->now_ns, &v->habit);
    v->habit_known = true;
    l->known_network = !v->habit.learnt && network_known(c, d->s, &v->identity);
    for (size_t i = 0; i < d->n_candidates; i++)
        if (limit_is_of_habit(d->candidates[i].limit))
            note_held(d, l, d->candidates[i].limit);
}

/* The smaller of two, of which 0 means none. */
static uint64_t lower_of(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* How much a window may hold with this message. */
static uint32_t most_of(const struct deciding *d, const struct looking *l, const struct limit_config *limit,
                        const struct limit_rate *figure)
{
    const struct tenant_facts *tenant = d->v->identity.tenant;
    const struct habit *habit = &d->v->habit;
    uint64_t most = habit->learnt ? figure->rate.count + habit->most.of[habit_count_of(limit)][habit_window_of(limit)] *
                                                             limit->factor / HUNDREDTHS
                                  : learning_figure(l, limit);

    most = lower_of(most, limit->ceiling);
    if (limit->mirrored == FIGURE_RECIPIENTS_PER_DAY && tenant != NULL)
        most = lower_of(most, tenant->recipients_per_day);
    return most == 0 || most > HABIT_UNLIMITED ? HABIT_UNLIMITED : (uint32_t)most;
}

/*
 * Nobody learns from outside whose login it is, so that what comes from there is not let through a second time. An
 * application's whole run passes when it comes again: whether it is too much, only the number of deferred messages
 * says.
 */
static bool may_repeat(const struct deciding *d, const struct looking *l, const struct limit_config *limit)
{
    const struct habit *habit = &d->v->habit;

    if (habit_window_of(limit) == HABIT_DAY)
        return d->v->identity.authenticated && habit_of_application(habit); /* nothing blocks a connector */
    return habit->learnt || l->known_network;
}

static bool comes_again(struct deciding *d)
{
    if (!d->v->repetition)
        d->v->repetition = habit_repeats(d->c, d->s, d->r, &d->v->identity);
    return d->v->repetition;
}

static void refused_by_habit(const struct deciding *d, struct looking *l, const struct limit_config *limit,
                             uint32_t most)
{
    enum habit_count count = habit_count_of(limit);
    uint32_t units = d->v->plan.habit.units[count];
    bool again = may_repeat(d, l, limit);
    struct charge_answer answer = {.crowded = d->v->habit.crowded,
                                   .used = d->v->habit.now.of[count][habit_window_of(limit)],
                                   .never = !again && units > most,
                                   .retry_ns = AGAIN_NS};

    if (again)
        trace_add(d->trace, "limit %s: the same message passes when it comes again within a day", limit->name);
    if (!again && !answer.never)
        answer.retry_ns =
            habits_wait(d->c->habits, d->v->plan.habit.key, d->c->now_ns, count, habit_window_of(limit), units, most);
    looking_refused(l, limit, d->v->plan.habit.key, &answer);
}

void look_at_habit(struct deciding *d, struct looking *l, const struct limit_config *limit,
                   const struct limit_rate *figure)
{
    struct habit_charge *plan = &d->v->plan.habit;
    enum habit_count count = habit_count_of(limit);
    enum habit_window window = habit_window_of(limit);
    uint32_t most;
    bool passes;

    if (plan->key == 0)
        return;
    if (figure->unlimited) {
        trace_add(d->trace, "limit %s: unlimited", limit->name);
        return;
    }
    most = most_of(d, l, limit, figure);
    passes = most == HABIT_UNLIMITED ||
             (plan->units[count] <= most && d->v->habit.now.of[count][window] <= most - plan->units[count]);
    trace_habit(d, limit, figure, most, passes);
    if (!passes && may_repeat(d, l, limit) && comes_again(d)) {
        trace_add(d->trace, "limit %s: this message was deferred before, and may pass", limit->name);
        return;
    }
    if (!passes)
        refused_by_habit(d, l, limit, most);
    else if (limit->then != THEN_MONITOR && most < plan->limit.of[count][window])
        plan->limit.of[count][window] = most;
}
