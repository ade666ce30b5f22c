#include "core/base/cluster_key.h"

#include "core/base/secret_file.h"
#include "core/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <unistd.h>

#define HASH_BYTES 16
#define FILE_BYTES (2 * CLUSTER_KEY_BYTES + 1)

/* The order of bytes is part of the file's format. */
static uint64_t word_at(const unsigned char *p)
{
    uint64_t word = 0;

    for (unsigned i = 8; i-- > 0;)
        word = word << 8 | p[i];
    return word;
}

static void put_word(unsigned char *p, uint64_t word)
{
    for (unsigned i = 0; i < 8; i++, word >>= 8)
        p[i] = (unsigned char)(word & 0xff);
}

int cluster_key_make(const struct hash_secret *hash, unsigned char bytes[CLUSTER_KEY_BYTES], struct error *e)
{
    put_word(bytes, hash->k[0]);
    put_word(bytes + 8, hash->k[1]);
    if (RAND_priv_bytes(bytes + HASH_BYTES, CLUSTER_KEY_BYTES - HASH_BYTES) != 1)
        return error_set(e, "no randomness for a new cluster key");
    return 0;
}

int cluster_key_expand(const unsigned char *key, size_t key_n, const char *purpose, const unsigned char *salt,
                       size_t salt_n, unsigned char out[CLUSTER_DERIVED_BYTES], struct error *e)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    /* OpenSSL's parameters are not const, though it only reads these. */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, key_n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)purpose, strlen(purpose)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_n),
        OSSL_PARAM_construct_end(),
    };
    bool derived = context != NULL && EVP_KDF_derive(context, out, CLUSTER_DERIVED_BYTES, params) == 1;

    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return derived ? 0 : error_set(e, "OpenSSL could not derive a key (HKDF with SHA-256)");
}

int cluster_key_derive(const unsigned char bytes[CLUSTER_KEY_BYTES], struct cluster_key *out, struct error *e)
{
    static const unsigned char salt[] = "postern cluster 1";
    unsigned char check[CLUSTER_DERIVED_BYTES] = {0};

    out->hash = (struct hash_secret){{word_at(bytes), word_at(bytes + 8)}};
    if (cluster_key_expand(bytes, CLUSTER_KEY_BYTES, "offering", salt, sizeof salt - 1, out->offering, e) != 0 ||
        cluster_key_expand(bytes, CLUSTER_KEY_BYTES, "pulling", salt, sizeof salt - 1, out->pulling, e) != 0 ||
        cluster_key_expand(bytes, CLUSTER_KEY_BYTES, "sealing", salt, sizeof salt - 1, out->sealing, e) != 0 ||
        cluster_key_expand(bytes, CLUSTER_KEY_BYTES, "proving", salt, sizeof salt - 1, out->proving, e) != 0 ||
        cluster_key_expand(bytes, CLUSTER_KEY_BYTES, "check", salt, sizeof salt - 1, check, e) != 0)
        return -1;
    for (unsigned i = 0; i < CLUSTER_CHECK_DIGITS; i++)
        out->check[i] = "0123456789abcdef"[check[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf];
    out->check[CLUSTER_CHECK_DIGITS] = '\0';
    return 0;
}

/* ---- the file ---- */

static int parse_key(const char *path, const char *text, size_t n, unsigned char bytes[CLUSTER_KEY_BYTES],
                     struct error *e)
{
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    if (n != (size_t)2 * CLUSTER_KEY_BYTES)
        return error_set(e,
                         "%s: expected %d hexadecimal digits, as \"postern-cluster init\" writes them; found %zu "
                         "characters",
                         path, 2 * CLUSTER_KEY_BYTES, n);
    for (size_t i = 0; i < CLUSTER_KEY_BYTES; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return error_set(e, "%s: character %zu is no hexadecimal digit", path, 2 * i + (high < 0 ? 1 : 2));
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

int cluster_key_read(const char *path, struct cluster_key *out, struct error *e)
{
    unsigned char bytes[CLUSTER_KEY_BYTES] = {0};
    char text[FILE_BYTES + 8];
    int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), result = -1;
    ssize_t n;

    if (fd < 0)
        return error_set(e, "cannot read the cluster's key %s: %s%s", path, strerror(errno),
                         errno == ENOENT ? "; \"postern-cluster init\" makes it on the first relay, the others get a "
                                           "copy and \"postern-cluster join\""
                                         : "");
    if (secret_file_check(fd, e) != 0) {
        (void)error_prefix(e, "%s", path);
    } else {
        n = read(fd, text, sizeof text);
        result = n < 0 ? error_set(e, "%s: %s", path, strerror(errno)) : parse_key(path, text, (size_t)n, bytes, e);
    }
    if (result == 0)
        result = cluster_key_derive(bytes, out, e);
    (void)close(fd);
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return result;
}

int cluster_key_write(const char *path, const unsigned char bytes[CLUSTER_KEY_BYTES], struct error *e)
{
    char text[FILE_BYTES];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool written;

    if (fd < 0)
        return error_set(e, "cannot make the cluster's key %s: %s", path, strerror(errno));
    for (size_t i = 0; i < CLUSTER_KEY_BYTES; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 0xf];
    }
    text[FILE_BYTES - 1] = '\n';
    written = write_whole(fd, (struct slice){text, sizeof text}) == 0 && fsync(fd) == 0;
    if (!written) {
        (void)error_set(e, "cannot write the cluster's key %s: %s", path, strerror(errno));
        (void)unlink(path);
    }
    (void)close(fd);
    OPENSSL_cleanse(text, sizeof text);
    return written ? 0 : -1;
}
