/*
 * A picture in the Prometheus text format (version 0.0.4), line by line. Labels are bounded: programs, actions,
 * reasons, tenants, listeners; never logins or clients.
 */
#ifndef POSTERN_CORE_REPORT_METRICS_H
#define POSTERN_CORE_REPORT_METRICS_H

#include "core/report/picture.h"

void metrics_report(const struct picture *p, const struct report_files *f, struct printer *out);
/* The same as OpenMetrics text, version 1.0.0: a counter's family has its name without "_total", and there is an end.
 */
void metrics_report_open(const struct picture *p, const struct report_files *f, struct printer *out);

#endif
