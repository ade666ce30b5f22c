/* The mirror's runs that changed a setting, from its history. */
#ifndef POSTERN_CORE_REPORT_RUNS_REPORT_H
#define POSTERN_CORE_REPORT_RUNS_REPORT_H

#include "core/report/files.h"
#include "core/report/printer.h"

/* A row each, the newest first, with how many changes it made. Directory and history are open; the view may be missing.
 * 0, or -1 with e. */
int runs_report(const struct report_files *files, int64_t since_s, struct printer *out, struct error *e);

#endif
