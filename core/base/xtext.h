/*
 * xtext (RFC 3461 4): printable ASCII except "+" and "=" stands for itself; "+41" is the byte with that hexadecimal
 * value. Sendmail hands user names to milters in it (srvrsmtp.c, xtextify), Postfix doesn't (smtpd_milter.c); in the
 * policy protocol it is how Postfix writes a certificate's subject (SMTPD_POLICY_README).
 */
#ifndef POSTERN_XTEXT_H
#define POSTERN_XTEXT_H

#include "core/base/slice.h"

/* Decodes into room, of cap bytes; *out is the result. False when text is not xtext, or does not fit. */
bool xtext_decode(struct slice text, char *room, size_t cap, struct slice *out);

#endif
