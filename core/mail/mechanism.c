#include "core/mail/mechanism.h"

/*
 * Mechanisms without a password. CRAM-MD5, DIGEST-MD5, NTLM and SCRAM don't send the password, but it can be stolen or
 * guessed, so a policy against passwords includes them. GSS-SPNEGO may fall back to NTLM. doc/postern.7 has the table.
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
