#include "core/decide/submission.h"

#include "core/config/config.h"

#include <stdlib.h>

void recipients_clear(struct recipients *r)
{
    free(r->seen);
    *r = (struct recipients){0};
}

void submission_take_front(struct submission *s, const struct front_config *front)
{
    static const enum tls_version versions[] = {
        [TLS_1_0] = TLS_V1_0, [TLS_1_1] = TLS_V1_1, [TLS_1_2] = TLS_V1_2, [TLS_1_3] = TLS_V1_3};

    if (front->tls != TLS_ANY)
        s->tls = versions[front->tls];
    if (front->method[0] != '\0' && s->login.kind != LOGIN_NONE)
        s->mechanism = slice_of(front->method);
}

/*
 * Mechanisms without a password. CRAM-MD5, DIGEST-MD5, NTLM and SCRAM don't send it, but whoever learns or guesses it
 * can sign in: a policy against passwords applies to them. GSS-SPNEGO may fall back to NTLM. doc/postern.7 has the
 * table.
 */
static const struct {
    struct slice name;
    enum proof proof;
} mechanisms[] = {
    {{"XOAUTH2", 7}, PROOF_TOKEN},  {{"OAUTHBEARER", 11}, PROOF_TOKEN},   {{"GSSAPI", 6}, PROOF_OTHER},
    {{"GS2-KRB5", 8}, PROOF_OTHER}, {{"GS2-KRB5-PLUS", 13}, PROOF_OTHER}, {{"EXTERNAL", 8}, PROOF_OTHER},
};

enum proof mechanism_proof(struct slice mechanism)
{
    for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
        if (slice_ieq(mechanism, mechanisms[i].name))
            return mechanisms[i].proof;
    return PROOF_PASSWORD;
}
