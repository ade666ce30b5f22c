/* links: mirror */
/* The assertion that proves who the mirror is, checked with the public key as the service would; and its files. */
#include "mirror/exchange/jwt.h"

#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW INT64_C(1790000000)
#define AUDIENCE "https://login.microsoftonline.com/7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1/oauth2/v2.0/token"
#define CLIENT "3d9e6f20-1b7c-4a58-9f3e-c5d2a7b80e14"

/* ---- keys of the test ---- */

struct pair {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct pair pair_make(unsigned bits)
{
    struct pair p = {EVP_RSA_gen(bits), X509_new()};
    X509_NAME *name = X509_get_subject_name(p.certificate);

    assert_non_null(p.key);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"postern", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(p.certificate, name), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(p.certificate), 1), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(p.certificate), (time_t)NOW - 86400));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(p.certificate), (time_t)NOW + 86400));
    assert_int_equal(X509_set_pubkey(p.certificate, p.key), 1);
    assert_true(X509_sign(p.certificate, p.key, EVP_sha256()) > 0);
    return p;
}

static void pair_free(struct pair *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->certificate);
}

static struct secret secret_of(BIO *bio)
{
    struct secret s = {calloc(1, SECRET_MAX + 1), 0};
    int n = BIO_read(bio, s.p, SECRET_MAX);

    assert_true(n > 0);
    s.n = (size_t)n;
    BIO_free(bio);
    return s;
}

static struct secret certificate_pem(const struct pair *p)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_X509(bio, p->certificate), 1);
    return secret_of(bio);
}

static struct secret key_pem(const struct pair *p, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, p->key, passphrase != NULL ? EVP_aes_256_cbc() : NULL,
                                                   passphrase, passphrase != NULL ? (int)strlen(passphrase) : 0, NULL,
                                                   NULL),
                     1);
    return secret_of(bio);
}

static struct secret pkcs12(const struct pair *p, const char *passphrase)
{
    PKCS12 *bag = PKCS12_create(passphrase, "postern", p->key, p->certificate, NULL, 0, 0, 0, 0, 0);
    BIO *bio = BIO_new(BIO_s_mem());

    assert_non_null(bag);
    assert_int_equal(i2d_PKCS12_bio(bio, bag), 1);
    PKCS12_free(bag);
    return secret_of(bio);
}

static struct secret text_secret(const char *text)
{
    struct secret s = {calloc(1, SECRET_MAX + 1), strlen(text)};

    memcpy(s.p, text, s.n);
    return s;
}

/* ---- the assertion ---- */

static bool verify(EVP_PKEY *key, bool pss, struct slice text, const unsigned char *signature, size_t n)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    int right = EVP_DigestVerifyInit(context, &options, EVP_sha256(), NULL, key);

    if (right == 1 && pss)
        right = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32) == 1;
    if (right == 1)
        right = EVP_DigestVerify(context, signature, n, (const unsigned char *)text.p, text.n);
    EVP_MD_CTX_free(context);
    return right == 1;
}

static json_t *part(struct slice text)
{
    unsigned char bytes[4096];
    json_t *json;
    size_t n;

    assert_true(base64url_decode(text, bytes, sizeof bytes, &n));
    json = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static void check_member(const json_t *json, const char *name, const char *value)
{
    assert_string_equal(json_string_value(json_object_get(json, name)), value);
}

static void check_thumbprint(const struct pair *p, const json_t *header, bool sha256)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[64];
    struct buf b = BUF_OVER(text);
    unsigned n = sizeof digest;

    assert_int_equal(X509_digest(p->certificate, sha256 ? EVP_sha256() : EVP_sha1(), digest, &n), 1);
    base64url_add(&b, digest, n);
    check_member(header, sha256 ? "x5t#S256" : "x5t", text);
    assert_null(json_object_get(header, sha256 ? "x5t" : "x5t#S256"));
}

static void check_assertion(const struct pair *p, enum jwt_algorithm algorithm)
{
    struct secret certificate = certificate_pem(p), key = key_pem(p, NULL), none = {NULL, 0};
    struct jwt_claims claims = {.audience = AUDIENCE, .client = CLIENT, .now = NOW};
    char text[JWT_MAX];
    struct buf out = BUF_OVER(text);
    struct slice header_text, payload_text, signature_text, rest;
    unsigned char signature[2048];
    struct identity_key k;
    struct error e;
    json_t *header, *payload;
    size_t n;

    assert_true(guid_make(claims.id));
    assert_int_equal(identity_key_load(&certificate, &key, &none, &k, &e), 0);
    assert_int_equal(k.not_after, NOW + 86400);
    assert_int_equal(jwt_sign(&k, algorithm, &claims, &out, &e), 0);
    assert_true(slice_cut(buf_slice(&out), '.', &header_text, &rest));
    assert_true(slice_cut(rest, '.', &payload_text, &signature_text));
    assert_null(memchr(signature_text.p, '.', signature_text.n));
    assert_null(memchr(out.p, '=', out.n));
    header = part(header_text);
    payload = part(payload_text);
    check_member(header, "alg", algorithm == JWT_PS256 ? "PS256" : "RS256");
    check_member(header, "typ", "JWT");
    check_thumbprint(p, header, algorithm == JWT_PS256);
    check_member(payload, "aud", AUDIENCE);
    check_member(payload, "iss", CLIENT);
    check_member(payload, "sub", CLIENT);
    check_member(payload, "jti", claims.id);
    assert_int_equal(json_integer_value(json_object_get(payload, "nbf")), NOW);
    assert_int_equal(json_integer_value(json_object_get(payload, "iat")), NOW);
    assert_int_equal(json_integer_value(json_object_get(payload, "exp")), NOW + 300);
    assert_true(base64url_decode(signature_text, signature, sizeof signature, &n));
    rest = (struct slice){out.p, header_text.n + 1 + payload_text.n};
    assert_true(verify(p->key, algorithm == JWT_PS256, rest, signature, n));
    assert_false(verify(p->key, algorithm != JWT_PS256, rest, signature, n));
    signature[0] ^= 1;
    assert_false(verify(p->key, algorithm == JWT_PS256, rest, signature, n));
    json_decref(header);
    json_decref(payload);
    identity_key_free(&k);
    secret_clear(&certificate);
    secret_clear(&key);
}

static void an_assertion_is_signed_as_it_says_and_names_the_certificate(void **state)
{
    struct pair p = pair_make(2048);

    (void)state;
    check_assertion(&p, JWT_PS256);
    check_assertion(&p, JWT_RS256);
    pair_free(&p);
}

static void each_assertion_has_an_id_of_its_own(void **state)
{
    char a[37], b[37];

    (void)state;
    assert_true(guid_make(a) && guid_make(b));
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
}

/* ---- files ---- */

static void check_load(struct secret certificate, struct secret key, struct secret passphrase, const char *says)
{
    struct identity_key k;
    struct error e = {""};
    int result = identity_key_load(&certificate, &key, &passphrase, &k, &e);

    if ((result == 0) != (says == NULL) || (says != NULL && strstr(e.text, says) == NULL))
        fail_msg("%d \"%s\", expected \"%s\"", result, e.text, says);
    if (result == 0)
        identity_key_free(&k);
    secret_clear(&certificate);
    secret_clear(&key);
    secret_clear(&passphrase);
}

static struct secret both_pem(const struct pair *p)
{
    struct secret a = certificate_pem(p), b = key_pem(p, NULL);

    memcpy(a.p + a.n, b.p, b.n);
    a.n += b.n;
    secret_clear(&b);
    return a;
}

static void keys_and_certificates_are_taken_in_all_their_forms(void **state)
{
    const struct secret none = {NULL, 0};
    struct pair p = pair_make(2048), other = pair_make(2048), small = pair_make(1024);

    (void)state;
    check_load(certificate_pem(&p), key_pem(&p, NULL), none, NULL);
    check_load(certificate_pem(&p), key_pem(&p, "s3cret"), text_secret("s3cret"), NULL);
    check_load(both_pem(&p), none, none, NULL);
    check_load(pkcs12(&p, "s3cret"), none, text_secret("s3cret"), NULL);
    check_load(pkcs12(&p, ""), none, none, NULL);
    check_load(certificate_pem(&p), key_pem(&p, "s3cret"), text_secret("wrong"), "this passphrase");
    check_load(certificate_pem(&p), key_pem(&p, "s3cret"), none, "needs a passphrase");
    check_load(pkcs12(&p, "s3cret"), none, text_secret("wrong"), "passphrase_file");
    check_load(certificate_pem(&p), none, none, "there is no private key");
    check_load(certificate_pem(&p), key_pem(&other, NULL), none, "do not belong together");
    check_load(certificate_pem(&small), key_pem(&small, NULL), none, "not RSA of 2048");
    check_load(key_pem(&p, NULL), key_pem(&p, NULL), none, "holds no certificate");
    check_load(text_secret("nonsense"), none, none, "neither PEM nor PKCS#12");
    check_load(text_secret("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), none, none,
               "holds no certificate");
    pair_free(&p);
    pair_free(&other);
    pair_free(&small);
}

static void base64url_is_that_of_rfc_4648(void **state)
{
    static const struct {
        const char *text, *encoded;
    } rows[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xfb\xff", "-_8"}};
    static const char *const bad[] = {"Z", "Zg==", "Zm9+", "Zm9/", "Zm 8", "Zh", "Zm9vY"};
    unsigned char out[64];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        struct buf b = BUF_OVER(text);

        base64url_add(&b, rows[i].text, strlen(rows[i].text));
        assert_string_equal(text, rows[i].encoded);
        assert_true(base64url_decode(slice_of(rows[i].encoded), out, sizeof out, &n));
        assert_int_equal(n, strlen(rows[i].text));
        assert_memory_equal(out, rows[i].text, n);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(base64url_decode(slice_of(bad[i]), out, sizeof out, &n));
    assert_false(base64url_decode(SLICE("Zm9vYg"), out, 3, &n));
}

/* ---- secrets ---- */

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void check_secret(const struct secret_places *places, const char *name, const char *holds, const char *says)
{
    struct secret s;
    struct error e = {""};
    int result = secret_load(places, name, SECRET_PRIVATE, &s, &e);

    if (says != NULL) {
        if (result == 0 || strstr(e.text, says) == NULL)
            fail_msg("%s: %d \"%s\"", name, result, e.text);
        assert_null(s.p);
        return;
    }
    if (result != 0)
        fail_msg("%s: %s", name, e.text);
    secret_trim(&s);
    assert_string_equal(s.p, holds);
    secret_clear(&s);
}

static void a_secret_that_others_may_read_is_refused(void **state)
{
    char folder[] = "/tmp/postern-secret-XXXXXX", path[100], config[100];
    struct secret_places places = {NULL, config};

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    snprintf(config, sizeof config, "%s/postern.conf", folder);
    assert_int_equal(mkdir("secrets", 0700), 0);
    assert_int_equal(mkdir("credentials", 0700), 0);
    write_file("secrets/good", "canary\r\n", 0600);
    write_file("secrets/readonly", "canary", 0400);
    write_file("secrets/group", "canary", 0640);
    write_file("secrets/world", "canary", 0604);
    write_file("secrets/empty", "", 0600);
    write_file("credentials/good", "credential", 0400);
    write_file("credentials/secrets_folder", "of a folder", 0400);
    write_file("credentials/acl", "by an access list", 0440);
    write_file("credentials/world", "for all", 0444);
    assert_int_equal(symlink("good", "secrets/link"), 0);
    assert_int_equal(mkfifo("secrets/pipe", 0600), 0);
    check_secret(&places, "good", "canary", NULL);
    check_secret(&places, "readonly", "canary", NULL);
    check_secret(&places, "group", NULL, "others may read");
    check_secret(&places, "world", NULL, "others may read");
    check_secret(&places, "empty", NULL, "0 bytes");
    check_secret(&places, "link", NULL, "symbolic link");
    check_secret(&places, "pipe", NULL, "not a regular file");
    check_secret(&places, "missing", NULL, "cannot be opened");
    snprintf(path, sizeof path, "%s/secrets/good", folder);
    check_secret(&places, path, "canary", NULL);
    snprintf(path, sizeof path, "%s/credentials", folder);
    places.credentials = path;
    check_secret(&places, "good", "credential", NULL);
    check_secret(&places, "folder", "of a folder", NULL);
    check_secret(&places, "readonly", NULL, "not among the credentials");
    check_secret(&places, "world", NULL, "others may read");
    if (geteuid() == 0) /* the service manager's own way of letting a user in */
        check_secret(&places, "acl", "by an access list", NULL);
    assert_int_equal(chdir("/"), 0);
    snprintf(config, sizeof config, "%s", folder);
    {
        static const char *const names[] = {"secrets/good",
                                            "secrets/readonly",
                                            "secrets/group",
                                            "secrets/world",
                                            "secrets/empty",
                                            "credentials/good",
                                            "credentials/acl",
                                            "credentials/world",
                                            "credentials/secrets_folder",
                                            "secrets/link",
                                            "secrets/pipe",
                                            "secrets",
                                            "credentials",
                                            ""};

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            snprintf(path, sizeof path, "%s/%s", folder, names[i]);
            assert_int_equal(remove(path), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_assertion_is_signed_as_it_says_and_names_the_certificate),
        cmocka_unit_test(each_assertion_has_an_id_of_its_own),
        cmocka_unit_test(keys_and_certificates_are_taken_in_all_their_forms),
        cmocka_unit_test(base64url_is_that_of_rfc_4648),
        cmocka_unit_test(a_secret_that_others_may_read_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
