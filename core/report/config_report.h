/* What a configuration means, in plain words, and what in it deserves a second look. */
#ifndef POSTERN_CORE_REPORT_CONFIG_REPORT_H
#define POSTERN_CORE_REPORT_CONFIG_REPORT_H

#include "core/config/config.h"
#include "core/report/printer.h"

/* Under headings, the warnings (config_rules.h) last; lines are at most 80 columns, on no terminal either. */
void config_report(const struct config *config, struct printer *out);

#endif
