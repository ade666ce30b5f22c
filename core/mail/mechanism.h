/* SASL mechanisms (RFC 4422), by what they prove. */
#ifndef POSTERN_MECHANISM_H
#define POSTERN_MECHANISM_H

#include "core/base/slice.h"

/* What somebody who signed in proved who they are by. */
enum proof {
    PROOF_PASSWORD, /* sent, or proved to be known: what Exchange Online calls Basic authentication */
    PROOF_TOKEN,    /* of OAuth 2.0 (RFC 7628) */
    PROOF_OTHER     /* a Kerberos ticket, a client certificate */
};

/* By the SASL mechanism's name; case doesn't matter. One that is not known here, or not told, counts as a password. */
enum proof mechanism_proof(struct slice mechanism);
static inline bool mechanism_is_basic(struct slice mechanism)
{
    return mechanism_proof(mechanism) == PROOF_PASSWORD;
}

#endif
