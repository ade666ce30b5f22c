/* How the mirror's runs ended, from its history. */
#ifndef POSTERN_CORE_REPORT_RUNS_REPORT_H
#define POSTERN_CORE_REPORT_RUNS_REPORT_H

#include "core/report/files.h"
#include "core/report/printer.h"

/* A row each that ended since then, the newest first, at most so many. The history is open. 0, or -1 with e. */
int runs_report(const struct report_files *files, int64_t since_s, size_t most, struct printer *out, struct error *e);

#endif
