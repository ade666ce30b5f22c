/* Certificates and keys from files. */
#include "mirror/exchange/jwt.h"
#include "mirror/words.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 16384

/* OpenSSL's last error, the most helpful one. */
static int openssl_error(const char *what, struct error *e)
{
    char text[160];
    unsigned long code = ERR_peek_last_error();

    ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return error_set(e, "%s%s%s", what, code != 0 ? ": " : "", code != 0 ? words(slice_of(text)).text : "");
}

/* Never asks on a terminal. */
static int give_passphrase(char *out, int cap, int writing, void *arg)
{
    const struct secret *passphrase = arg;

    (void)writing;
    if (passphrase->p == NULL || passphrase->n > (size_t)cap)
        return -1;
    memcpy(out, passphrase->p, passphrase->n);
    return (int)passphrase->n;
}

static bool is_pem(const struct secret *s)
{
    return memmem(s->p, s->n, "-----BEGIN ", 11) != NULL;
}

static BIO *over(const struct secret *s)
{
    return BIO_new_mem_buf(s->p, (int)s->n);
}

static int load_pem(const struct secret *certificate, const struct secret *key, const struct secret *passphrase,
                    EVP_PKEY **out_key, X509 **out_certificate, struct error *e)
{
    BIO *from_certificate = over(certificate);
    BIO *from_key = over(key->p != NULL ? key : certificate);
    int result = -1;

    if (from_certificate == NULL || from_key == NULL) {
        (void)error_set(e, "no memory for a certificate");
        goto out;
    }
    *out_certificate = PEM_read_bio_X509(from_certificate, NULL, give_passphrase, (void *)passphrase);
    if (*out_certificate == NULL) {
        (void)openssl_error("certificate_file holds no certificate in PEM", e);
        goto out;
    }
    *out_key = PEM_read_bio_PrivateKey(from_key, NULL, give_passphrase, (void *)passphrase);
    if (*out_key == NULL) {
        (void)openssl_error(passphrase->p != NULL
                                ? "the private key cannot be read with this passphrase"
                                : "there is no private key, or it needs a passphrase: see key_file and passphrase_file",
                            e);
        goto out;
    }
    result = 0;
out:
    BIO_free(from_certificate);
    BIO_free(from_key);
    return result;
}

static int load_pkcs12(const struct secret *file, const struct secret *passphrase, EVP_PKEY **key, X509 **certificate,
                       struct error *e)
{
    const unsigned char *p = (const unsigned char *)file->p;
    PKCS12 *bag = d2i_PKCS12(NULL, &p, (long)file->n);
    int result = 0;

    if (bag == NULL)
        return openssl_error("certificate_file is neither PEM nor PKCS#12", e);
    if (PKCS12_parse(bag, passphrase->p != NULL ? passphrase->p : "", key, certificate, NULL) != 1)
        result = openssl_error("certificate_file (PKCS#12) cannot be opened: a wrong passphrase_file, or an outdated "
                               "encryption; export it again with AES",
                               e);
    else if (*key == NULL || *certificate == NULL)
        result = error_set(e, "certificate_file (PKCS#12) lacks the private key or the certificate");
    PKCS12_free(bag);
    return result;
}

static int64_t asn1_time(const ASN1_TIME *at)
{
    struct tm tm;

    return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static int check_pair(EVP_PKEY *key, X509 *certificate, struct identity_key *out, struct error *e)
{
    unsigned n1 = sizeof out->sha1, n256 = sizeof out->sha256;
    int bits = EVP_PKEY_get_bits(key);

    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return error_set(e, "the private key is not RSA of %d to %d bits", RSA_BITS_MIN, RSA_BITS_MAX);
    if (X509_check_private_key(certificate, key) != 1)
        return openssl_error("certificate and private key do not belong together", e);
    if (X509_digest(certificate, EVP_sha1(), out->sha1, &n1) != 1 ||
        X509_digest(certificate, EVP_sha256(), out->sha256, &n256) != 1)
        return openssl_error("the certificate's thumbprint cannot be made", e);
    out->not_after = asn1_time(X509_get0_notAfter(certificate));
    return 0;
}

int identity_key_load(const struct secret *certificate, const struct secret *key, const struct secret *passphrase,
                      struct identity_key *out, struct error *e)
{
    X509 *x509 = NULL;
    int result;

    *out = (struct identity_key){0};
    ERR_clear_error();
    result = is_pem(certificate) ? load_pem(certificate, key, passphrase, &out->key, &x509, e)
                                 : load_pkcs12(certificate, passphrase, &out->key, &x509, e);
    if (result == 0)
        result = check_pair(out->key, x509, out, e);
    X509_free(x509);
    if (result != 0)
        identity_key_free(out);
    return result;
}

void identity_key_free(struct identity_key *k)
{
    EVP_PKEY_free(k->key); /* wipes the key */
    *k = (struct identity_key){0};
}
