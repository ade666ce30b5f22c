/*
 * Negotiation: the protocol steps, macros and actions that are requested from the MTA. Shared with the benchmark's
 * floor, which must request the same.
 */
#ifndef POSTERN_MILTER_NEGOTIATE_H
#define POSTERN_MILTER_NEGOTIATE_H

#include <libmilter/mfapi.h>
#include <stdbool.h>

/*
 * bodies: a limit counts bytes. Returns SMFIS_CONTINUE; SMFIS_REJECT without memory, which ends the connection, so that
 * the MTA's default action applies.
 */
sfsistat negotiate(SMFICTX *ctx, bool bodies, unsigned long actions, unsigned long steps, unsigned long *want_actions,
                   unsigned long *want_steps);

#endif
