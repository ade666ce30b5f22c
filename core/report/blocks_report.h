/* Who is blocked, by what, until when, and the evidence from the journal; the newest block first. */
#ifndef POSTERN_CORE_REPORT_BLOCKS_REPORT_H
#define POSTERN_CORE_REPORT_BLOCKS_REPORT_H

#include "core/report/files.h"
#include "core/report/printer.h"

/* The context is that of the files. If the journal can't be read, the evidence is left out, with a remark. 0, or -1
 * with e. */
int blocks_report(const struct decide_context *c, struct report_files *f, struct printer *out, struct error *e);

#endif
