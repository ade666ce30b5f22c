/* When sign-ins were last read from Exchange Online, for status, metrics and audit. */
#ifndef POSTERN_CORE_REPORT_SIGN_INS_AGE_H
#define POSTERN_CORE_REPORT_SIGN_INS_AGE_H

#include "core/config/config.h"
#include "core/journal/sign_ins.h"

/*
 * Are the tenant's sign-ins to be read, or were they ever? Then *out tells of it: all zero where nothing is known, also
 * because history is NULL or cannot be read.
 */
bool sign_ins_age(const struct config *config, struct history *history, const char *tenant, struct sign_in_state *out);

#endif
