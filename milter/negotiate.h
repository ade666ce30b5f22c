/*
 * Which steps of the dialogue, which macros and which rights are asked of the MTA. Shared with the benchmark's floor,
 * which must ask for the same.
 */
#ifndef POSTERN_MILTER_NEGOTIATE_H
#define POSTERN_MILTER_NEGOTIATE_H

#include <libmilter/mfapi.h>
#include <stdbool.h>

/*
 * bodies: a limit counts bytes. Returns SMFIS_CONTINUE; SMFIS_REJECT without memory, which ends the connection, so that
 * the MTA's default action counts.
 */
sfsistat negotiate(SMFICTX *ctx, bool bodies, unsigned long actions, unsigned long steps, unsigned long *want_actions,
                   unsigned long *want_steps);

#endif
