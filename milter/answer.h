/*
 * Translates a verdict into libmilter's return values. Never "continue" because of a failure: when in doubt, it is "try
 * again later".
 */
#ifndef POSTERN_MILTER_ANSWER_H
#define POSTERN_MILTER_ANSWER_H

#include "core/decide/decide.h"

#include <libmilter/mfapi.h>

/*
 * Refuses with a reply like "550 5.7.60 text" (core/mail/reason.h has the form), whose first digit says whether
 * permanently. The reply is set at the same time, since libmilter keeps an unused one for a later refusal of the same
 * class. If it cannot be set, the MTA's default text for the class is used; an invalid reply becomes a 451.
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
