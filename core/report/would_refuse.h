/* The messages that monitor mode would have refused, by mailbox, reason and what was wrong. */
#ifndef POSTERN_CORE_REPORT_WOULD_REFUSE_H
#define POSTERN_CORE_REPORT_WOULD_REFUSE_H

#include "core/journal/journal.h"
#include "core/report/printer.h"

/* Those since that moment (wall clock), the most frequent first. 0; -1 with e, before anything was printed. */
int would_refuse_report(struct journal *journal, int64_t since_s, struct printer *out, struct error *e);

#endif
