/* What the files of the metrics share. Not for use elsewhere. */
#ifndef POSTERN_CORE_REPORT_METRICS_PARTS_H
#define POSTERN_CORE_REPORT_METRICS_PARTS_H

#include "core/report/metrics.h"

/* A line. */
__attribute__((format(printf, 2, 3))) void metrics_put(struct printer *out, const char *format, ...);
/* The two lines that a family of metrics begins with. */
void metrics_family(struct printer *out, const char *name, const char *type, const char *help);
/* A label's value, in mem: the format escapes backslash, quote and newline; other control characters are replaced. */
const char *metrics_label(char *mem, size_t cap, const char *text);

/* Hits of limits, blocks that they made, what monitor mode would refuse, and how long deciding takes. */
void metrics_of_counts(const struct picture *p, const struct report_files *f, struct printer *out);

#endif
