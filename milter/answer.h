/*
 * From a verdict to what libmilter returns. Nothing here ever answers "continue" for lack of something: whoever
 * cannot decide says "try again later".
 */
#ifndef POSTERN_MILTER_ANSWER_H
#define POSTERN_MILTER_ANSWER_H

#include "core/decide/decide.h"

#include <libmilter/mfapi.h>

/*
 * Refuses with a reply like "550 5.7.60 text" (core/mail/reason.h has the form), whose first digit says whether for
 * good. The reply is set in the same breath, since libmilter keeps one that was not used for a later refusal of its
 * class. When it cannot be set, the MTA's own words for the class are used; what is no reply is a 451.
 */
sfsistat answer_refusal(SMFICTX *ctx, struct slice reply);

/* 451 4.3.0: no memory, no session, no engine. */
sfsistat answer_internal(SMFICTX *ctx);

/*
 * SMFIS_CONTINUE or a refusal. At STAGE_END a message to be held is put into the MTA's quarantine (Postfix's hold
 * queue), and one that lacks a From gets it, if the verdict says so; where the MTA can't, the message is deferred.
 */
sfsistat answer_verdict(SMFICTX *ctx, const struct verdict *verdict, enum stage stage);

#endif
