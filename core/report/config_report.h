/* What a configuration means, in plain words, with warnings. */
#ifndef POSTERN_CORE_REPORT_CONFIG_REPORT_H
#define POSTERN_CORE_REPORT_CONFIG_REPORT_H

#include "core/config/config.h"
#include "core/directory/directory.h"
#include "core/report/printer.h"

/*
 * Under headings, the warnings (config_rules.h) last; lines have at most 80 columns, even without a terminal. view: to
 * compare names with; NULL: there is none.
 */
void config_report(const struct config *config, const struct directory_view *view, struct printer *out);

#endif
