#include "mirror/exchange/jwt.h"

#include <openssl/bn.h>
#include <openssl/rsa.h>
#include <sys/random.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_add(struct buf *b, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        size_t digits = n - i >= 3 ? 4 : n - i + 1;

        for (size_t j = 0; j < digits; j++)
            buf_add_char(b, alphabet[v >> (18 - 6 * j) & 63]);
    }
}

bool base64url_decode(struct slice text, unsigned char *out, size_t cap, size_t *n)
{
    unsigned v = 0, bits = 0;

    *n = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *digit = text.p[i] != '\0' ? strchr(alphabet, text.p[i]) : NULL;

        if (digit == NULL)
            return false;
        v = v << 6 | (unsigned)(digit - alphabet);
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        if (*n == cap)
            return false;
        out[(*n)++] = (unsigned char)(v >> bits);
    }
    return text.n % 4 != 1 && (v & ((1u << bits) - 1)) == 0;
}

bool guid_make(char out[GUID_TEXT_MAX])
{
    uint8_t b[16];

    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return false;
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    guid_write(b, out);
    return true;
}

/* Names the certificate by its thumbprint: "x5t#S256" as documented today, "x5t" as documented for RS256. */
static void jwt_add_header(struct buf *b, const struct identity_key *k, enum jwt_algorithm algorithm)
{
    char json[256];
    struct buf header = BUF_OVER(json);
    bool today = algorithm == JWT_PS256;

    buf_addf(&header, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"%s\":\"", today ? "PS256" : "RS256",
             today ? "x5t#S256" : "x5t");
    if (today)
        base64url_add(&header, k->sha256, sizeof k->sha256);
    else
        base64url_add(&header, k->sha1, sizeof k->sha1);
    buf_addf(&header, "\"}");
    base64url_add(b, header.p, header.n);
}

static void add_claims(struct buf *b, const struct jwt_claims *c)
{
    char json[1024];
    struct buf claims = BUF_OVER(json);

    buf_addf(&claims,
             "{\"aud\":\"%s\",\"iss\":\"%s\",\"sub\":\"%s\",\"jti\":\"%s\",\"nbf\":%lld,\"iat\":%lld,\"exp\":%lld}",
             c->audience, c->client, c->client, c->id, (long long)c->now, (long long)c->now,
             (long long)c->now + JWT_LIFETIME_S);
    b->full = b->full || claims.full;
    base64url_add(b, claims.p, claims.n);
}

/* PSS with a salt as long as the hash (RFC 7518 3.5), or PKCS #1 v1.5 (3.3), both over SHA-256. */
static int sign_text(EVP_MD_CTX *context, const struct identity_key *k, enum jwt_algorithm algorithm, struct slice text,
                     unsigned char *signature, size_t *n)
{
    EVP_PKEY_CTX *key = NULL;

    if (EVP_DigestSignInit(context, &key, EVP_sha256(), NULL, k->key) != 1)
        return -1;
    if (algorithm == JWT_PS256 && (EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) != 1 ||
                                   EVP_PKEY_CTX_set_rsa_mgf1_md(key, EVP_sha256()) != 1 ||
                                   EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) != 1))
        return -1;
    return EVP_DigestSign(context, signature, n, (const unsigned char *)text.p, text.n) == 1 ? 0 : -1;
}

int jwt_sign(const struct identity_key *k, enum jwt_algorithm algorithm, const struct jwt_claims *claims,
             struct buf *out, struct error *e)
{
    unsigned char signature[2048];
    size_t n = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int result;

    if (context == NULL)
        return error_set(e, "no memory to sign");
    jwt_add_header(out, k, algorithm);
    buf_add_char(out, '.');
    add_claims(out, claims);
    result = sign_text(context, k, algorithm, buf_slice(out), signature, &n);
    EVP_MD_CTX_free(context);
    if (result != 0)
        return error_set(e, "OpenSSL cannot sign with this key");
    buf_add_char(out, '.');
    base64url_add(out, signature, n);
    return out->full ? error_set(e, "the assertion is longer than %d bytes", JWT_MAX) : 0;
}
