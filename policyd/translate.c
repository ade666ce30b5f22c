#include "policyd/translate.h"

/* Nearly everybody sends as the login itself. A login that is an address is the same one as a sender. */
static enum address_result parse_sender(struct slice text, struct submission *out)
{
    if (out->login.kind != LOGIN_ADDRESS || !slice_eq(text, out->login_text))
        return address_parse_envelope(text, &out->sender);
    address_copy(&out->login.address, &out->sender);
    return ADDRESS_OK;
}

void submission_of_request(const struct policy_request *request, const struct tls_config *listener_tls,
                           struct submission *out)
{
    const struct slice *value = request->value;

    out->stage = request->stage;
    out->login_text = value[ATTRIBUTE_SASL_USERNAME];
    login_parse(out->login_text, &out->login);
    out->mechanism = value[ATTRIBUTE_SASL_METHOD];
    /* Authenticated, but nobody says as whom: never to be taken for "not authenticated". */
    if (out->login.kind == LOGIN_NONE && out->mechanism.n > 0)
        out->login.kind = LOGIN_BAD;
    out->client = (struct ip){{0}};
    out->has_client = ip_parse(value[ATTRIBUTE_CLIENT_ADDRESS], &out->client);
    out->tls = tls_version_parse(value[ATTRIBUTE_ENCRYPTION_PROTOCOL]);
    ccert_set_fingerprint(&out->ccert, value[ATTRIBUTE_CCERT_FINGERPRINT]);
    ccert_set_subject_xtext(&out->ccert, value[ATTRIBUTE_CCERT_SUBJECT]);
    out->listener_tls = listener_tls;
    out->sender_text = value[ATTRIBUTE_SENDER];
    out->sender_result = parse_sender(out->sender_text, out);
    /*
     * At DATA and END-OF-MESSAGE the recipient is there if it is the only one (SMTPD_POLICY_README). At RCPT there is
     * one in any case, even an empty one, which is for the rules to judge.
     */
    out->recipient_text = request->recipient_counts ? value[ATTRIBUTE_RECIPIENT] : (struct slice){NULL, 0};
    out->has_recipient = request->stage == STAGE_RCPT || out->recipient_text.n > 0;
    out->recipient_result = address_parse_envelope(out->recipient_text, &out->recipient);
    out->recipient_count = request->recipient_count;
    out->size = request->size;
    out->headers = NULL;
    out->queue_id = value[ATTRIBUTE_QUEUE_ID];
    out->instance = value[ATTRIBUTE_INSTANCE];
    out->front_end = "policyd";
}
