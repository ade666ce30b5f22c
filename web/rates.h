/* How many decisions there were in each 5 seconds of the last hour, by action and reason: a ring, filled by the totals
 * of the journal. Used by one thread at a time. */
#ifndef POSTERN_WEB_RATES_H
#define POSTERN_WEB_RATES_H

#include "core/journal/journal.h"
#include "core/report/printer.h"

#define RATES_STEP_S 5
#define RATES_STEPS 720u
#define RATES_ACTIONS (ACTION_HOLD + 1)

/* Decisions by action and by reason, of all programs. */
struct rates_totals {
    uint64_t actions[RATES_ACTIONS], reasons[REASON_COUNT];
};

struct rates_step {
    uint32_t actions[RATES_ACTIONS], reasons[REASON_COUNT];
};

struct rates {
    int64_t now; /* the number of the newest step: wall clock in steps; 0: there is none yet */
    struct rates_totals last;
    struct rates_step steps[RATES_STEPS]; /* at their number modulo RATES_STEPS */
};

/* Empty, with the newest step at that time; rates_count adds a record of the journal to it. */
void rates_clear(struct rates *rates, int64_t now_s);
void rates_count(struct rates *rates, const struct journal_record *r);
/* Begins with the decisions that the journal has of the last hour. 0, or -1 with e: then it begins empty. */
int rates_begin(struct rates *rates, struct journal *journal, int64_t now_s, struct error *e);
/* Reads the totals. 0, or -1 with e. */
int rates_read(struct journal *journal, struct rates_totals *out, struct error *e);
/* What was added to the totals since the last time came at now_s. A clock that went back adds to the newest step. */
void rates_add(struct rates *rates, const struct rates_totals *totals, int64_t now_s);
/* As an open object's members: "step_s", "from", and a list of numbers for each action, and for each reason there was.
 */
void rates_report(const struct rates *rates, struct printer *out);

#endif
