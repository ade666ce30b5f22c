/* Turns the service's errors into messages that an administrator can act on. */
#ifndef POSTERN_MIRROR_SERVICE_ERROR_H
#define POSTERN_MIRROR_SERVICE_ERROR_H

#include "core/base/error.h"
#include "core/base/slice.h"

/*
 * The most helpful text in an error's body, printable: the inner exception's message, else the first detail without its
 * prefix, else error.message, else the beginning of plain text; "" when there is none.
 */
void service_error_text(struct slice body, char *out, size_t cap);

/*
 * Is it an HTML page, by its type or its first byte? Then it is not from Exchange Online or Entra, but from a proxy,
 * firewall or captive portal.
 */
bool service_error_page(struct slice content_type, struct slice body);
/* Returns -1; e says what to do about such a page. service is "Exchange Online" or "Entra". */
int service_error_elsewhere(const char *what, const char *service, long status, struct slice content_type,
                            struct error *e);

/*
 * Does the body of a 401 say that the application's role lacks the cmdlet ("User is not allowed to call ...")? Then a
 * new token doesn't help; the API permission itself is granted.
 */
bool service_error_role(struct slice body);

/* Does the body of a 403 of Microsoft Graph say that the tenant has no premium licence? */
bool service_error_licence(struct slice body);

/* Does the body say that the link to the next page is too old, or reached the wrong server? */
bool service_error_expired(struct slice body);

/*
 * Explains an answer of the sign-in endpoint that has no token. Returns -1; e has the service's message without its
 * technical part and, for the common AADSTS numbers, what to do. *permission: the application exists, but is not
 * permitted this (consent, conditional access).
 */
int signin_error(long status, struct slice body, bool *permission, struct error *e);

enum warning {
    WARNING_HARMLESS,
    WARNING_CUT /* rows are missing */
};
/* Classifies a text of @adminapi.warnings. */
enum warning warning_judge(struct slice text);

#endif
