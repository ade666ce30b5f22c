/* A picture in one line with performance data, as Nagios, Icinga and Checkmk read it from their plugins. */
#ifndef POSTERN_CORE_REPORT_STATUS_CHECK_H
#define POSTERN_CORE_REPORT_STATUS_CHECK_H

#include "core/report/picture.h"

/* The exit statuses of such a plugin (Monitoring Plugins Development Guidelines, "Plugin Return Codes"). */
enum check_level { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

/*
 * Prints "POSTERN WARNING - what is wrong; what else | performance data", the worst first. f is what the picture was
 * taken of. Critical: mail waits or is decided by something else than what is in the files. Warning: mail goes on, but
 * something needs a look. Unknown: what was to be read is fine, and this user may not read the rest.
 */
enum check_level status_check(const struct picture *p, const struct report_files *f, struct printer *out);
/* The same where there is no picture: unknown, and why. */
enum check_level status_check_failed(const char *why, struct printer *out);

#endif
