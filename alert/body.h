/* What is sent: the notice as it is, or as a card for Teams; and its signature. */
#ifndef POSTERN_ALERT_BODY_H
#define POSTERN_ALERT_BODY_H

#include "alert/notice.h"
#include "core/config/config.h"

/* malloc'ed and terminated; NULL without memory. */
char *body_make(const struct notice *notice, enum alert_format format);

#define SIGNATURE_MAX 80
/*
 * "v1=" and the HMAC-SHA256 (RFC 2104), in hex, of "TIMESTAMP.BODY": with the time in it, an intercepted notice cannot
 * be replayed later. 0, or -1 with e.
 */
int body_sign(struct slice secret, long long timestamp, const char *body, char out[SIGNATURE_MAX], struct error *e);

#endif
