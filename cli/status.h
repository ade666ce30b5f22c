/* What status and top print of a picture. */
#ifndef POSTERN_CLI_STATUS_H
#define POSTERN_CLI_STATUS_H

#include "cli/picture.h"

#define STATUS_TOP_ROWS 5

void status_print_text(const struct cli *cli, struct picture *p);
void status_print_json(const struct cli *cli, struct picture *p);

/* "enabled", "disabled", "unknown" */
static inline const char *status_setting_word(enum smtp_auth setting)
{
    return setting == SMTP_AUTH_ENABLED ? "enabled" : setting == SMTP_AUTH_DISABLED ? "disabled" : "unknown";
}

#endif
