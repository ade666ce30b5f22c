/* The interface for programs, /api/v1: JSON made of what the command line prints with --json. */
#ifndef POSTERN_WEB_API_H
#define POSTERN_WEB_API_H

#include "web/answers.h"
#include "web/page.h"
#include "web/routes.h"

/* Makes the reply of a route for who sees so much; in a thread of a pool. */
void api_make(struct web *web, const struct route *route, struct slice scope, struct slice target,
              struct answer_text *out);

/* The reply that says what was wrong. out->text is freed, and made anew. */
void api_error(struct answer_text *out, int status, const struct error *e);

#endif
