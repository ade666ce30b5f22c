#include "mirror/exchange/token.h"

#include "core/base/clock.h"
#include "mirror/exchange/jwt.h"
#include "mirror/exchange/service_error.h"
#include "mirror/words.h"

#include <jansson.h>
#include <stdlib.h>

#define FORM_MAX (SECRET_MAX * 3u + 4096u) /* each byte of a secret may be escaped to three */
#define TOKEN_ANSWER_MAX ((size_t)256 << 10)
#define RENEW_EARLY_S 300 /* before it expires, but at most a fifth of its lifetime */
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* ---- the form ---- */

static void form_add(struct buf *b, const char *name, struct slice value)
{
    buf_addf(b, "%s%s=", b->n > 0 ? "&" : "", name);
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i], lower = ascii_lower(c);

        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL))
            buf_add_char(b, c);
        else
            buf_addf(b, "%%%02X", (unsigned char)c);
    }
}

/* Loads certificate, key and passphrase, as far as configured. */
static int load_key(const struct signin *s, struct identity_key *key, struct error *e)
{
    const struct exchange_config *x = s->exchange;
    struct secret certificate = {0}, private = {0}, passphrase = {0};
    enum secret_kind kind = x->key_file != NULL ? SECRET_PUBLIC : SECRET_PRIVATE;
    int result = secret_load(&s->places, x->certificate_file, kind, &certificate, e);

    if (result == 0 && x->key_file != NULL)
        result = secret_load(&s->places, x->key_file, SECRET_PRIVATE, &private, e);
    if (result == 0 && x->passphrase_file != NULL)
        result = secret_load(&s->places, x->passphrase_file, SECRET_PRIVATE, &passphrase, e);
    secret_trim(&passphrase);
    if (result == 0)
        result = identity_key_load(&certificate, &private, &passphrase, key, e);
    secret_clear(&certificate);
    secret_clear(&private);
    secret_clear(&passphrase);
    return result;
}

static void token_url(const struct signin *s, struct buf *url)
{
    buf_addf(url, "https://%s/%s/oauth2/v2.0/token", s->hosts->login, s->exchange->tenant_id);
}

static int add_certificate(const struct signin *s, struct buf *form, struct error *e)
{
    char text[JWT_MAX], audience[400];
    struct buf assertion = BUF_OVER(text), url = BUF_OVER(audience);
    struct jwt_claims claims = {.audience = audience, .client = s->exchange->application, .now = clock_wall_s()};
    struct identity_key key;
    int result;

    token_url(s, &url);
    if (!guid_make(claims.id))
        return error_set(e, "the system gives no random numbers");
    if (load_key(s, &key, e) != 0)
        return -1;
    result = jwt_sign(&key, s->exchange->algorithm, &claims, &assertion, e);
    identity_key_free(&key);
    form_add(form, "client_assertion_type", SLICE(ASSERTION_TYPE));
    form_add(form, "client_assertion", buf_slice(&assertion));
    explicit_bzero(text, sizeof text);
    return result;
}

/* Adds a client secret, or another issuer's token, from a file. */
static int add_file(const struct signin *s, const char *path, const char *field, struct buf *form, struct error *e)
{
    struct secret secret;

    if (secret_load(&s->places, path, SECRET_PRIVATE, &secret, e) != 0)
        return -1;
    secret_trim(&secret);
    form_add(form, field, (struct slice){secret.p, secret.n});
    secret_clear(&secret);
    return 0;
}

static int make_form(const struct signin *s, const char *scope, struct buf *form, struct error *e)
{
    const struct exchange_config *x = s->exchange;
    int result;

    form_add(form, "client_id", slice_of(x->application));
    form_add(form, "scope", slice_of(scope));
    form_add(form, "grant_type", SLICE("client_credentials"));
    if (x->certificate_file != NULL) {
        result = add_certificate(s, form, e);
    } else if (x->secret_file != NULL) {
        result = add_file(s, x->secret_file, "client_secret", form, e);
    } else {
        form_add(form, "client_assertion_type", SLICE(ASSERTION_TYPE));
        result = add_file(s, x->federated_token_file, "client_assertion", form, e);
    }
    return result == 0 && form->full ? error_set(e, "the secret is too long to sign in with") : result;
}

int signin_check_files(const struct signin *s, int64_t *not_after, struct error *e)
{
    struct identity_key key;
    const char *file = s->exchange->secret_file != NULL ? s->exchange->secret_file : s->exchange->federated_token_file;
    struct secret secret;

    *not_after = 0;
    if (file != NULL) {
        if (secret_load(&s->places, file, SECRET_PRIVATE, &secret, e) != 0)
            return -1;
        secret_clear(&secret);
        return 0;
    }
    if (load_key(s, &key, e) != 0)
        return -1;
    *not_after = key.not_after;
    identity_key_free(&key);
    return 0;
}

/* ---- the answer ---- */

static bool is_printable(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return n > 0 && n <= TOKEN_MAX;
}

static bool lists(const json_t *array, const char *wanted)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));

        if (text != NULL && strcmp(text, wanted) == 0)
            return true;
    }
    return false;
}

/*
 * Reads the claims if the token is a JWT. They are not verified: it comes from its issuer directly, and nothing depends
 * on them.
 */
static void read_claims(struct token *t)
{
    unsigned char json[TOKEN_MAX];
    struct slice rest = slice_of(t->text), payload;
    struct buf tid = BUF_OVER(t->tid), wids = BUF_OVER(t->directory_roles);
    const json_t *array;
    json_t *claims;
    size_t n;

    if (!slice_cut(rest, '.', NULL, &rest) || !slice_cut(rest, '.', &payload, NULL) ||
        !base64url_decode(payload, json, sizeof json, &n))
        return;
    claims = json_loadb((const char *)json, n, 0, NULL);
    explicit_bzero(json, sizeof json);
    if (!json_is_object(claims)) {
        json_decref(claims);
        return;
    }
    if (json_is_string(json_object_get(claims, "tid")))
        buf_addf(&tid, "%s", words(slice_of(json_string_value(json_object_get(claims, "tid")))).text);
    array = json_object_get(claims, "roles");
    t->has_roles = t->tid[0] != '\0';
    t->manage_as_app = lists(array, "Exchange.ManageAsApp");
    t->policy_read = lists(array, "Policy.Read.All");
    array = json_object_get(claims, "wids");
    for (size_t i = 0; i < json_array_size(array); i++)
        if (json_is_string(json_array_get(array, i)))
            buf_addf(&wids, "%s%s", i > 0 ? " " : "",
                     words(slice_of(json_string_value(json_array_get(array, i)))).text);
    json_decref(claims);
}

static int read_token(const struct signin *s, struct slice body, struct token *out, struct error *e)
{
    json_t *root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *text = json_object_get(root, "access_token"), *life = json_object_get(root, "expires_in");
    const char *type = json_string_value(json_object_get(root, "token_type"));
    long long life_s = json_is_integer(life) ? json_integer_value(life) : 0;
    int result = -1;

    if (!json_is_string(text) || !is_printable(json_string_value(text), json_string_length(text)) || type == NULL ||
        !slice_ieq(slice_of(type), SLICE("Bearer")) || life_s < 1) {
        (void)error_set(e, "sign-in: the answer has no token; is hosts.login really Entra's?");
        goto out;
    }
    out->text = strdup(json_string_value(text));
    if (out->text == NULL) {
        (void)error_set(e, "no memory for a token");
        goto out;
    }
    life_s = life_s < 86400 ? life_s : 86400;
    out->renew_ns =
        clock_boot_ns() + (uint64_t)(life_s - (life_s / 5 < RENEW_EARLY_S ? life_s / 5 : RENEW_EARLY_S)) * NS_PER_S;
    read_claims(out);
    result = 0;
    if (out->tid[0] != '\0' && strcasecmp(out->tid, s->exchange->tenant_id) != 0)
        result = error_set(e, "sign-in: the token is another tenant's (%s); exchange.tenant_id is %s", out->tid,
                           s->exchange->tenant_id);
out:
    if (json_is_string(text))
        explicit_bzero((char *)(uintptr_t)json_string_value(text), json_string_length(text));
    json_decref(root);
    return result;
}

enum token_result token_get(const struct signin *s, const char *scope, struct token *out, struct error *e)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json",
                                          NULL};
    char url_text[400];
    struct buf url = BUF_OVER(url_text), form;
    struct http_request request = {.url = url_text, .headers = headers, .body_max = TOKEN_ANSWER_MAX};
    struct http_answer answer;
    char *mem = calloc(1, FORM_MAX);
    bool permission = false;
    int result = -1;

    token_clear(out);
    if (mem == NULL)
        return (enum token_result)error_set(e, "no memory to sign in");
    form = buf_over(mem, FORM_MAX);
    token_url(s, &url);
    if (make_form(s, scope, &form, e) == 0) {
        request.body = buf_slice(&form);
        result = session_do(s->session, "sign-in", &request, &answer, e);
    }
    explicit_bzero(mem, FORM_MAX);
    free(mem);
    if (result != 0)
        return TOKEN_FAILED;
    if (service_error_page(slice_of(answer.content_type), answer.body))
        result = service_error_elsewhere("sign-in", "Entra", answer.status, slice_of(answer.content_type), e);
    else if (answer.status == 200)
        result = read_token(s, answer.body, out, e);
    else
        result = signin_error(answer.status, answer.body, &permission, e);
    if (answer.body.n > 0)
        explicit_bzero((char *)(uintptr_t)answer.body.p, answer.body.n);
    if (result != 0)
        token_clear(out);
    return result == 0 ? TOKEN_OK : permission ? TOKEN_FORBIDDEN : TOKEN_FAILED;
}

void token_clear(struct token *t)
{
    if (t->text != NULL)
        explicit_bzero(t->text, strlen(t->text));
    free(t->text);
    *t = (struct token){0};
}
