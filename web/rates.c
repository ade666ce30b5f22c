#include "web/rates.h"

#include "core/base/clock.h"

#include <string.h>

static struct rates_step *step_at(struct rates *rates, int64_t number)
{
    return &rates->steps[(uint64_t)number % RATES_STEPS];
}

/* Makes that the newest step; those that were left out had nothing. */
static void advance(struct rates *rates, int64_t number)
{
    if (rates->now == 0 || number - rates->now >= (int64_t)RATES_STEPS) {
        memset(rates->steps, 0, sizeof rates->steps);
        rates->now = number;
    }
    while (rates->now < number)
        memset(step_at(rates, ++rates->now), 0, sizeof *rates->steps);
}

static uint32_t sum(uint32_t a, uint64_t more)
{
    return more < UINT32_MAX - a ? a + (uint32_t)more : UINT32_MAX;
}

void rates_count(struct rates *rates, const struct journal_record *r)
{
    int64_t number = (int64_t)(r->at_ns / NS_PER_S) / RATES_STEP_S;
    struct rates_step *step = step_at(rates, number);

    if (number > rates->now || number <= rates->now - (int64_t)RATES_STEPS)
        return;
    step->actions[r->action] = sum(step->actions[r->action], r->times);
    step->reasons[r->reason] = sum(step->reasons[r->reason], r->times);
}

static bool take_record(void *arg, const struct journal_record *r)
{
    rates_count(arg, r);
    return true;
}

void rates_clear(struct rates *rates, int64_t now_s)
{
    *rates = (struct rates){.now = 0};
    advance(rates, now_s / RATES_STEP_S);
}

int rates_begin(struct rates *rates, struct journal *journal, int64_t now_s, struct error *e)
{
    int64_t since_s = now_s - (int64_t)RATES_STEPS * RATES_STEP_S;
    struct journal_query query = {.since_ns = since_s > 0 ? (uint64_t)since_s * NS_PER_S : 0};

    rates_clear(rates, now_s);
    if (rates_read(journal, &rates->last, e) != 0)
        return -1;
    return journal_decisions(journal, &query, take_record, rates, e);
}

static bool take_total(void *arg, const char *program, enum action action, enum reason reason, uint64_t count)
{
    struct rates_totals *totals = arg;

    (void)program;
    totals->actions[action] += count;
    totals->reasons[reason] += count;
    return true;
}

int rates_read(struct journal *journal, struct rates_totals *out, struct error *e)
{
    *out = (struct rates_totals){.actions = {0}};
    return journal_totals(journal, take_total, out, e);
}

/* A smaller total is that of another journal. */
static uint64_t more_than(uint64_t before, uint64_t now)
{
    return now >= before ? now - before : now;
}

void rates_add(struct rates *rates, const struct rates_totals *totals, int64_t now_s)
{
    struct rates_step *step;

    if (now_s / RATES_STEP_S > rates->now)
        advance(rates, now_s / RATES_STEP_S);
    step = step_at(rates, rates->now);
    for (size_t i = 0; i < RATES_ACTIONS; i++)
        step->actions[i] = sum(step->actions[i], more_than(rates->last.actions[i], totals->actions[i]));
    for (size_t i = 0; i < REASON_COUNT; i++)
        step->reasons[i] = sum(step->reasons[i], more_than(rates->last.reasons[i], totals->reasons[i]));
    rates->last = *totals;
}

/* ---- showing ---- */

/* The counters of one kind, `at` bytes into a step, the oldest first. */
static const uint32_t *count_at(const struct rates *rates, unsigned i, size_t at)
{
    const struct rates_step *step = &rates->steps[((uint64_t)rates->now + 1 + i) % RATES_STEPS];

    return (const uint32_t *)(const void *)((const char *)step + at);
}

static void put_series(const struct rates *rates, const char *name, size_t at, bool always, struct printer *out)
{
    bool any = always;

    for (unsigned i = 0; i < RATES_STEPS && !any; i++)
        any = *count_at(rates, i, at) > 0;
    if (!any)
        return;
    out->open(out, name, TREE_LIST);
    for (unsigned i = 0; i < RATES_STEPS; i++)
        out->value(out, NULL, value_number(*count_at(rates, i, at)));
    out->close(out);
}

void rates_report(const struct rates *rates, struct printer *out)
{
    out->value(out, "step_s", value_number(RATES_STEP_S));
    out->value(out, "from", value_time((rates->now + 1 - (int64_t)RATES_STEPS) * RATES_STEP_S));
    out->open(out, "actions", TREE_OBJECT);
    for (unsigned i = 0; i < RATES_ACTIONS; i++)
        put_series(rates, action_name((enum action)i), offsetof(struct rates_step, actions) + i * sizeof(uint32_t),
                   true, out);
    out->close(out);
    out->open(out, "reasons", TREE_OBJECT);
    for (unsigned i = 0; i < REASON_COUNT; i++)
        put_series(rates, reason_row((enum reason)i)->name, offsetof(struct rates_step, reasons) + i * sizeof(uint32_t),
                   false, out);
    out->close(out);
}
