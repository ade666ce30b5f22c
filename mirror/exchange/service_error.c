#include "mirror/exchange/service_error.h"

#include "mirror/words.h"

#include <jansson.h>
#include <stdint.h>

#define ERROR_BODY_MAX ((size_t)256 << 10) /* the rest of an error is ignored */
#define TEXT_SHOWN 300                     /* bytes of the service's message */

static json_t *parse_body(struct slice body)
{
    if (body.n == 0 || body.n > ERROR_BODY_MAX || memchr(body.p, '\0', body.n) != NULL)
        return NULL;
    return json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
}

static struct slice text_of(const json_t *value)
{
    return json_is_string(value) ? (struct slice){json_string_value(value), json_string_length(value)}
                                 : (struct slice){NULL, 0};
}

/* "Ex6F9304|Microsoft.Exchange...Exception|The text": the first part may be empty, all of it may be missing. */
static struct slice without_code(struct slice text)
{
    struct slice first, second, rest;

    if (slice_cut(text, '|', &first, &rest) && slice_cut(rest, '|', &second, &rest) && rest.n > 0 &&
        memchr(second.p, ' ', second.n) == NULL)
        return rest;
    return text;
}

static struct slice best_text(const json_t *root)
{
    const json_t *error = json_object_get(root, "error");
    struct slice text;

    if (error == NULL)
        error = json_object_get(root, "@odata.error");
    text =
        text_of(json_object_get(json_object_get(json_object_get(error, "innererror"), "internalexception"), "message"));
    if (text.n == 0)
        text = without_code(text_of(json_object_get(json_array_get(json_object_get(error, "details"), 0), "message")));
    if (text.n == 0)
        text = text_of(json_object_get(error, "message"));
    return text;
}

static void put_shown(char *out, size_t cap, struct slice text)
{
    struct buf b = buf_over(out, cap);

    if (text.n > TEXT_SHOWN)
        text.n = TEXT_SHOWN;
    buf_addf(&b, "%s", words(text).text);
}

void service_error_text(struct slice body, char *out, size_t cap)
{
    json_t *root = parse_body(body);
    struct slice line = {NULL, 0};

    if (root == NULL && body.n > 0 && body.p[0] > ' ' && body.p[0] != '<' && body.p[0] != '{')
        slice_cut(body, '\n', &line, NULL);
    put_shown(out, cap, root != NULL ? best_text(root) : line);
    json_decref(root);
}

bool service_error_page(struct slice content_type, struct slice body)
{
    slice_cut(content_type, ';', &content_type, NULL);
    body = slice_trim(body);
    return slice_ieq(slice_trim(content_type), SLICE("text/html")) || (body.n > 0 && body.p[0] == '<');
}

int service_error_elsewhere(const char *what, const char *service, long status, struct slice content_type,
                            struct error *e)
{
    return error_set(
        e,
        "%s: HTTP %ld with a page for people (\"%s\"), not with %s's own answer: a proxy or firewall on the "
        "way refuses, and must let these requests pass; mirror.proxy and the environment say which proxy "
        "is asked",
        what, status, words(content_type).text, service);
}

bool service_error_role(struct slice body)
{
    static const char sign[] = "is not allowed to call";

    return memmem(body.p, body.n, sign, sizeof sign - 1) != NULL;
}

bool service_error_licence(struct slice body)
{
    static const char sign[] = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";

    return memmem(body.p, body.n, sign, sizeof sign - 1) != NULL;
}

bool service_error_expired(struct slice body)
{
    static const char sign[] = "Expired or Invalid pagination request";

    return memmem(body.p, body.n, sign, sizeof sign - 1) != NULL;
}

/* ---- signing in ---- */

/* The numbers are those of Entra's page "reference-error-codes"; the texts are ours. */
static const struct {
    unsigned long code;
    bool permission;
    const char *help;
} signin_codes[] = {
    {7000215, false,
     "the client secret is wrong; secret_file must hold the secret's value, not its id, and nothing else"},
    {7000222, false, "the client secret has expired: make a new one, or use a certificate"},
    {700027, false,
     "the certificate is not registered with the application, or not yet (that takes some minutes): upload it under "
     "Certificates & secrets; compare the thumbprint"},
    {700024, false, "this machine's clock is wrong: the assertion's times do not fit; check NTP"},
    {700021, false, "the assertion names another application: check exchange.application"},
    {700023, false, "the assertion is for another sign-in endpoint: check exchange.cloud and hosts.login"},
    {700016, false,
     "there is no such application in this tenant: check exchange.application and tenant_id, and whether an "
     "administrator has consented"},
    {700211, false, "no federated credential of the application has this token's issuer"},
    {700212, false, "no federated credential of the application has this token's audience"},
    {700213, false, "no federated credential of the application has this token's subject"},
    {90002, false, "there is no such tenant: check exchange.tenant_id"},
    {900432, false, "the tenant lives in another cloud: check exchange.cloud"},
    {90038, false, "the tenant lives in another cloud: check exchange.cloud"},
    {70011, false, "the scope is not valid: check exchange.cloud and hosts"},
    {70003, false, "this sign-in endpoint knows no client credentials: check hosts.login"},
    {500011, false,
     "the service is not in this tenant: is there Exchange Online at all, and is exchange.cloud the right one?"},
    {50013, false, "the assertion was refused: a wrong key, or one assertion shown twice"},
    {5002723, false, "the algorithm was refused: try exchange.algorithm = \"RS256\""},
    {53003, true, "a Conditional Access policy for workload identities keeps the application out"},
    {50196, false, "too many sign-ins in a short time: wait"},
    {65001, true, "an administrator has not consented to the application's permissions"},
    {7000112, false, "the application is disabled"},
    {7000218, false, "the request has neither secret nor assertion"},
    {7000229, false,
     "the application is not in this tenant yet (it has no service principal there): an administrator of the tenant "
     "has "
     "to consent to it (Enterprise applications)"},
    {700030, false, "the certificate is not valid: has it expired?"},
};

static unsigned long code_of(const json_t *root, struct slice description)
{
    const json_t *first = json_array_get(json_object_get(root, "error_codes"), 0);
    unsigned long long code = 0;
    size_t n = 0;

    if (json_is_integer(first) && json_integer_value(first) > 0)
        return (unsigned long)json_integer_value(first);
    if (description.p == NULL || !slice_starts_with(description, SLICE("AADSTS")))
        return 0;
    description = (struct slice){description.p + 6, description.n - 6};
    while (n < description.n && n < 9 && description.p[n] >= '0' && description.p[n] <= '9')
        n++;
    return slice_to_u64((struct slice){description.p, n}, UINT32_MAX, &code) ? (unsigned long)code : 0;
}

/* The description up to "Trace ID: ...". */
static struct slice plain_part(struct slice description)
{
    const char *trace = description.n > 0 ? memmem(description.p, description.n, "Trace ID", 8) : NULL;

    if (trace != NULL)
        description.n = (size_t)(trace - description.p);
    return slice_trim(description);
}

int signin_error(long status, struct slice body, bool *permission, struct error *e)
{
    json_t *root = parse_body(body);
    struct slice description = text_of(json_object_get(root, "error_description"));
    unsigned long code = code_of(root, description);
    char said[2 * QUOTE_MAX_BYTES];

    *permission = false;
    put_shown(said, sizeof said, plain_part(description));
    json_decref(root);
    for (size_t i = 0; i < sizeof signin_codes / sizeof signin_codes[0]; i++) {
        if (signin_codes[i].code != code)
            continue;
        *permission = signin_codes[i].permission;
        return error_set(e, "sign-in refused (AADSTS%lu): %s. The service says: \"%s\"", code, signin_codes[i].help,
                         said);
    }
    if (said[0] != '\0')
        return error_set(e, "sign-in refused (HTTP %ld). The service says: \"%s\"", status, said);
    return error_set(e, "sign-in refused (HTTP %ld), without an explanation; is hosts.login really Entra's?", status);
}

/* ---- warnings ---- */

enum warning warning_judge(struct slice text)
{
    /*
     * "There are more results available than are currently displayed. To view them, increase the value for the
     * ResultSize parameter.", and likely variants.
     */
    static const char *const cut[] = {"ResultSize",    "more results",   "results are available", "first 1000",
                                      "was truncated", "were truncated", "been truncated",        "partial result"};

    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++)
        if (slice_contains_icase(text, slice_of(cut[i])))
            return WARNING_CUT;
    return WARNING_HARMLESS;
}
