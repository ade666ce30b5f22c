/* Postfix's configuration and tables, as its own tools show them. */
#ifndef POSTERN_CLI_POSTFIX_TOOLS_H
#define POSTERN_CLI_POSTFIX_TOOLS_H

#include "core/report/postfix_config.h"

/* From the folder (NULL: Postfix's own default), which must outlive *p. 0 with *p, to be freed by postfix_free; -1 with
 * e. */
int postfix_read(const char *folder, struct postfix *p, struct error *e);

#endif
