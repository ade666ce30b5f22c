/* Translates a policy request into a submission. */
#ifndef POSTERN_POLICYD_TRANSLATE_H
#define POSTERN_POLICYD_TRANSLATE_H

#include "core/decide/submission.h"
#include "policyd/request.h"

/*
 * Fills *out from a request without a problem. listener_tls is the listener's own TLS rule, or NULL. *out holds slices
 * of the request's bytes. Its memory of logins stays as it is.
 */
void submission_of_request(const struct policy_request *request, const struct tls_config *listener_tls,
                           struct submission *out);

#endif
