/* The two forms of status. Private to core/report/status*.c. */
#ifndef POSTERN_CORE_REPORT_STATUS_PARTS_H
#define POSTERN_CORE_REPORT_STATUS_PARTS_H

#include "core/report/status.h"

/* For programs. */
void status_tree(struct picture *p, const struct report_files *f, struct printer *out);

/* "enabled", "disabled", "unknown" */
const char *status_setting_word(enum smtp_auth setting);

#endif
