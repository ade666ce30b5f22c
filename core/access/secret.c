/* Passwords, tokens and digests of the web program's accounts. */
#include "core/access/accounts.h"

#include "core/base/buf.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/random.h>

static void write_hex(const unsigned char bytes[DIGEST_BYTES], char out[DIGEST_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[DIGEST_TEXT_MAX - 1] = '\0';
}

/* Without memory for it nothing can be told apart any more: then the program ends, and is started again. */
void access_digest(struct slice a, struct slice b, char out[DIGEST_TEXT_MAX])
{
    unsigned char bytes[DIGEST_BYTES];
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(context, a.p, a.n) != 1 || EVP_DigestUpdate(context, b.p, b.n) != 1 ||
        EVP_DigestFinal_ex(context, bytes, NULL) != 1)
        abort();
    EVP_MD_CTX_free(context);
    write_hex(bytes, out);
}

int access_random(char out[DIGEST_TEXT_MAX], struct error *e)
{
    unsigned char bytes[DIGEST_BYTES];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(e, "getrandom: %s", strerror(errno));
    write_hex(bytes, out);
    return 0;
}

bool access_same(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

int token_make(char out[TOKEN_TEXT_MAX], struct error *e)
{
    struct buf b = buf_over(out, TOKEN_TEXT_MAX);
    char random[DIGEST_TEXT_MAX];

    if (access_random(random, e) != 0)
        return -1;
    buf_add(&b, SLICE(TOKEN_PREFIX));
    buf_add(&b, slice_of(random));
    return 0;
}

/* NULL with e. The text lives in *work, which is the caller's to free. */
static const char *run_crypt(const char *password, const char *setting, struct crypt_data **work, struct error *e)
{
    const char *made = NULL;

    if ((*work = calloc(1, sizeof **work)) == NULL)
        (void)error_set(e, "no memory");
    else if ((made = crypt_r(password, setting, *work)) == NULL || made[0] == '*') {
        (void)error_set(e, "crypt: %s", strerror(errno));
        made = NULL;
    }
    return made;
}

static void wipe(struct crypt_data *work)
{
    if (work != NULL)
        OPENSSL_cleanse(work, sizeof *work);
    free(work);
}

int password_hash(const char *password, char out[PASSWORD_HASH_MAX], struct error *e)
{
    struct crypt_data *work = NULL;
    struct buf b = buf_over(out, PASSWORD_HASH_MAX);
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *made;

    /* The cost is the library's own: it grows with the years. */
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, (int)sizeof setting) == NULL)
        return error_set(e, "crypt_gensalt: %s", strerror(errno));
    made = run_crypt(password, setting, &work, e);
    buf_add(&b, slice_of(made));
    wipe(work);
    return made != NULL && !b.full ? 0 : -1;
}

bool password_is_right(const char *password, const char *hash)
{
    struct crypt_data *work = NULL;
    struct error e;
    const char *made = run_crypt(password, hash, &work, &e);
    bool right = made != NULL && access_same(slice_of(made), slice_of(hash));

    wipe(work);
    return right;
}
