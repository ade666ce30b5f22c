/* The verdict for a submission, step by step, by decide() itself. Charges nothing. */
#ifndef POSTERN_CORE_REPORT_EXPLAIN_H
#define POSTERN_CORE_REPORT_EXPLAIN_H

#include "core/decide/decide.h"
#include "core/report/explain_input.h"
#include "core/report/printer.h"

#define EXPLAIN_TRACE_MAX 65536

/* Large: keep it off the stack. Zero but for context, and submission and headers as question_submission fills them. */
struct explained {
    struct decide_context context; /* its time is the one that is asked about */
    struct submission submission;
    struct headers headers;
    struct recipients recipients;
    /* the result, of the last stage that was decided */
    struct verdict verdict;
    struct buf trace; /* over text: a line a step */
    struct limit_levels levels;
    char text[EXPLAIN_TRACE_MAX];
};

/* Another moment than now: counters, blocks and ages as they will be, or would have been, with today's contents. 0, or
 * -1 with e: it is too far away. */
int explain_move_time(struct decide_context *c, int64_t wall_s, struct error *e);

/* Asks about that stage alone, or (all) about the whole message, as Postfix would: the first refusal stands. */
void explain_ask(struct explained *x, const struct question *q, enum stage stage, bool all);
/* Frees what it holds, but not itself. */
void explained_clear(struct explained *x);

void explain_report(const struct explained *x, const struct question *q, struct printer *out);
/* The result alone, as members of an open object. */
void explain_put_verdict(const struct explained *x, struct printer *out);

#endif
