/* Tells the other relays what a message was charged here. */
#include "core/decide/limits_parts.h"

/* A renewed mark is told so often in its time, and ends so much earlier elsewhere: enough for people, who come back
 * hours before their window ends, and much less than a record a recipient. */
#define TOLD_IN_WINDOW 16

bool members_are_told(const struct limit_config *limit)
{
    return limit->count == COUNT_DISTINCT && (limit->per & PER_RECIPIENT_DOMAIN) == 0;
}

void plan_tell(struct outbox *outbox, const struct plan *plan, bool of_habit, uint64_t now_ns)
{
    struct outbox_record records[PLAN_CHARGES_MAX + 1];
    size_t n = 0;

    if (outbox == NULL)
        return;
    for (size_t i = 0; i < plan->n; i++)
        if (!members_are_told(plan->limits[i]))
            records[n++] = outbox_charge(OUTBOX_COUNTERS, plan->charges + i);
    if (of_habit)
        records[n++] = outbox_habit(OUTBOX_HABIT, plan->habit.key, plan->habit.units, now_ns);
    if (n > 0)
        outbox_post(outbox, records, n);
}

/* Does a mark that ended `before` go on to `after`, past a time at which all tell it? Needs no memory of what was told.
 */
static bool is_due(uint64_t before, uint64_t after, uint64_t keep_ns)
{
    uint64_t step = keep_ns / TOLD_IN_WINDOW + 1;

    return before / step != after / step;
}

void member_mark(struct counters *counters, const struct charge *charge, uint64_t mark, uint64_t *untold,
                 uint64_t now_ns)
{
    struct outbox *outbox = counters_outbox(counters);
    uint64_t keep_ns = charge->interval_ns * charge->burst;
    uint64_t left_ns = outbox != NULL ? counters_marked_for(counters, mark, now_ns) : 0;
    bool crowded, new_one = counters_mark(counters, mark, now_ns, keep_ns, true, &crowded);

    if (outbox == NULL)
        return;
    if (new_one && *untold > 0) {
        --*untold;
        outbox_tell(outbox, (struct outbox_record){.kind = OUTBOX_DISTINCT,
                                                   .key = charge->key,
                                                   .ns = charge->interval_ns,
                                                   .burst_ns = keep_ns,
                                                   .member = mark,
                                                   .keep_ns = keep_ns});
    } else if (new_one || is_due(now_ns + left_ns, now_ns + keep_ns, keep_ns)) {
        outbox_tell(outbox, (struct outbox_record){.kind = OUTBOX_LATEST, .key = mark, .ns = keep_ns});
    }
}
