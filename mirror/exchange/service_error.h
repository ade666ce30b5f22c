/* Errors of the service, in words that an administrator can act on. */
#ifndef POSTERN_MIRROR_SERVICE_ERROR_H
#define POSTERN_MIRROR_SERVICE_ERROR_H

#include "core/base/error.h"
#include "core/base/slice.h"

/*
 * The best of the texts in an error's body: the inner exception's message, else the first detail without its prefix,
 * else error.message, else the beginning of a plain text; printable. "" when there is none, as with NUL bytes.
 */
void service_error_text(struct slice body, char *out, size_t cap);

/*
 * Is it an HTML page, by its type or its first byte? It is not from Exchange Online or Entra, but from a proxy, a
 * firewall or a captive portal.
 */
bool service_error_page(struct slice content_type, struct slice body);
/* Sets e to what to do about such a page; -1. service is "Exchange Online" or "Entra". */
int service_error_elsewhere(const char *what, const char *service, long status, struct slice content_type,
                            struct error *e);

/* Does the body of a 401 say that the application's role lacks the cmdlet ("User is not allowed to call ...")? Then no
 * other token helps, and the application's permission is there. */
bool service_error_role(struct slice body);

/* Does the body of a 403 of Microsoft Graph say that the tenant has no premium licence? */
bool service_error_licence(struct slice body);

/* Does the body say that the link to the next page is too old, or came to the wrong server? */
bool service_error_expired(struct slice body);

/*
 * Explains an answer of the sign-in endpoint without a token. -1; e has the service's own words up to their technical
 * part, and, for the AADSTS numbers that administrators meet, what to do. *permission: the application exists, but may
 * not have this (consent, conditional access).
 */
int signin_error(long status, struct slice body, bool *permission, struct error *e);

enum warning {
    WARNING_HARMLESS,
    WARNING_CUT /* rows are missing */
};
/* Classifies a text of @adminapi.warnings. */
enum warning warning_judge(struct slice text);

#endif
