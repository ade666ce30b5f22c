/*
 * xtext (RFC 3461 4): printable ASCII, but "+" and "=", stands for itself; "+41" is the byte of that hexadecimal value.
 * Sendmail hands user names to milters in it (srvrsmtp.c, xtextify), Postfix doesn't (smtpd_milter.c). In the policy
 * protocol Postfix writes the names of a certificate in it (smtpd_check.c).
 */
#ifndef POSTERN_CORE_BASE_XTEXT_H
#define POSTERN_CORE_BASE_XTEXT_H

#include "core/base/slice.h"

/* Decodes into room, of cap bytes, and sets *out to what it wrote there. False when it is no xtext, or does not fit. */
bool xtext_decode(struct slice text, char *room, size_t cap, struct slice *out);

#endif
