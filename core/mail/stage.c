#include "core/mail/stage.h"

static const char *const stage_names[] = {[STAGE_CONNECT] = "connect", [STAGE_AUTH] = "auth", [STAGE_MAIL] = "mail",
                                          [STAGE_RCPT] = "rcpt",       [STAGE_DATA] = "data", [STAGE_END] = "end"};

const char *stage_name(enum stage stage)
{
    return stage_names[stage];
}
