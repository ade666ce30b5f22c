/*
 * One sign-in of Microsoft Graph's auditLogs/signIns, as JSON: what postern needs of it. Names and values are those of
 * Graph's "signIn resource type".
 */
#ifndef POSTERN_MIRROR_SIGN_IN_H
#define POSTERN_MIRROR_SIGN_IN_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <jansson.h>
#include <stdint.h>

#define SIGN_IN_ID_MAX 128 /* bytes; they are GUIDs */

struct sign_in {
    json_t *tree;         /* the texts below lie in it */
    struct slice id;      /* of the sign-in, the same in each answer that has it */
    struct slice user;    /* userPrincipalName */
    struct slice address; /* ipAddress; empty: not told */
    int64_t at_s;         /* createdDateTime, wall clock */
    bool success;         /* status.errorCode is 0 */
    bool token;           /* authenticationProtocol is one of OAuth's; else a password, as legacy clients show it */
};

/*
 * Reads one. 1: a sign-in by SMTP AUTH, to be freed with sign_in_free; 0: by something else; -1 with e: it is no JSON,
 * or lacks what each has.
 */
int sign_in_read(struct slice row, struct sign_in *out, struct error *e);
void sign_in_free(struct sign_in *s);

/* "2026-11-30T03:15:41.6195833Z": RFC 3339 in UTC, fractions of a second cut off. False for anything else. */
bool sign_in_time(struct slice text, int64_t *at_s);

#endif
