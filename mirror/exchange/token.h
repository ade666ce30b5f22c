/* Access tokens by the OAuth 2.0 client-credentials flow (RFC 6749 4.4). */
#ifndef POSTERN_MIRROR_TOKEN_H
#define POSTERN_MIRROR_TOKEN_H

#include "mirror/exchange/clouds.h"
#include "mirror/exchange/secret.h"
#include "mirror/exchange/session.h"

#define TOKEN_MAX 32768u

struct token {
    char *text;                /* terminated, printable; NULL: none. Wiped by token_clear */
    uint64_t renew_ns;         /* boot time at which to request a new one */
    char tid[40];              /* a claim, as the following; "" when the token is opaque */
    bool has_roles;            /* it has the claim roles */
    bool manage_as_app;        /* roles has Exchange.ManageAsApp */
    bool policy_read;          /* roles has Policy.Read.All */
    char directory_roles[256]; /* claim wids: template ids of directory roles */
};

struct signin {
    struct exchange_session *session;
    const struct exchange_config *exchange;
    const struct cloud_hosts *hosts;
    struct secret_places places;
};

enum token_result { TOKEN_OK = 0, TOKEN_FAILED = -1, TOKEN_FORBIDDEN = 1 /* others may work */ };

/*
 * Signs in and gets a token for the scope. Keys and secrets are read from their files each time, so that a renewed one
 * is used, and wiped at once. Refuses a token of another tenant than exchange->tenant_id.
 */
enum token_result token_get(const struct signin *s, const char *scope, struct token *out, struct error *e);
void token_clear(struct token *t);

/* Can the files be read, and do they match? For the doctor. *not_after: when the certificate expires, 0 without one. */
int signin_check_files(const struct signin *s, int64_t *not_after, struct error *e);

#endif
