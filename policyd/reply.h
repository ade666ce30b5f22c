/*
 * The response to a policy request: exactly one "action=..." and an empty line.
 *
 * This is the only place that writes one, since a wrong response is dangerous: an empty action would let the message
 * through, OK in relay restrictions would open the relay, an enhanced code without a text can crash an older smtpd
 * (CVE-2026-43964), and a text that is not valid UTF-8 is replaced by the operator's default action.
 */
#ifndef POSTERN_POLICYD_REPLY_H
#define POSTERN_POLICYD_REPLY_H

#include "core/base/buf.h"
#include "core/decide/decide.h"

/* The longest response: "action=", the longest word before a text, the text, two line ends. */
#define POLICY_REPLY_MAX (7 + 5 + REPLY_MAX + 2)

/*
 * Appends the response for the verdict to out, which must have room for POLICY_REPLY_MAX bytes. NULL, an unknown action
 * or a text that may not be sent become "451 4.3.0 Temporary local problem, try again later": never a pass.
 */
void policy_reply_add(struct buf *out, const struct verdict *verdict);

/* Appends a response with the reason's own reply: for a request with a problem. */
void policy_reply_add_reason(struct buf *out, enum reason reason);

#endif
