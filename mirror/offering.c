#include "mirror/offering.h"

#include "mirror/words.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#define FORMAT_WORD "postern-offer"
#define SEAL_BYTES 32
#define WORD_BITS (8u * (unsigned)sizeof(void *))
#define READ_BYTES ((size_t)64 * 1024)

static const char *byte_order(void)
{
    const uint16_t one = 1;
    unsigned char first;

    memcpy(&first, &one, 1);
    return first == 1 ? "little" : "big";
}

void offering_hex(const unsigned char *bytes, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_char(out, "0123456789abcdef"[bytes[i] >> 4]);
        buf_add_char(out, "0123456789abcdef"[bytes[i] & 0xf]);
    }
}

static bool read_hex(struct slice text, unsigned char *out, size_t n)
{
    if (text.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static int make_seal(struct slice text, const struct cluster_key *key, unsigned char seal[SEAL_BYTES], struct error *e)
{
    unsigned n = 0;

    if (HMAC(EVP_sha256(), key->offering, sizeof key->offering, (const unsigned char *)text.p, text.n, seal, &n) ==
            NULL ||
        n != SEAL_BYTES)
        return error_set(e, "OpenSSL could not make a seal (HMAC with SHA-256)");
    return 0;
}

/* ---- writing ---- */

int offering_seal(const struct cluster_key *key, struct buf *out, struct error *e)
{
    unsigned char seal[SEAL_BYTES];

    if (make_seal(buf_slice(out), key, seal, e) != 0)
        return -1;
    buf_addf(out, "seal ");
    offering_hex(seal, sizeof seal, out);
    buf_add_char(out, '\n');
    return out->full ? error_set(e, "the manifest would be larger than %zu bytes", out->cap) : 0;
}

int offering_write(const struct offering *o, const struct cluster_key *key, struct buf *out, struct error *e)
{
    buf_addf(out, FORMAT_WORD " %u\nkey %s\nrelay %.*s\noffered %" PRId64 "\nmachine %ld %u %s\ndigest ",
             OFFERING_FORMAT, key->check, SLICE_ARG(o->relay), o->offered_at, sysconf(_SC_PAGESIZE), WORD_BITS,
             byte_order());
    offering_hex(o->digest, sizeof o->digest, out);
    buf_addf(out, "\nmanifest %zu\n", o->manifest.n);
    buf_add(out, o->manifest);
    return offering_seal(key, out, e);
}

/* ---- reading ---- */

static bool take_line(struct slice *text, const char *word, struct slice *rest)
{
    struct slice line, tail, found;

    if (!slice_cut(*text, '\n', &line, &tail) || !slice_cut(line, ' ', &found, rest) ||
        !slice_eq(found, slice_of(word)))
        return false;
    *text = tail;
    return true;
}

static int wrong_line(const char *word, const char *expected, struct error *e)
{
    return error_set(e, "line \"%s\" is missing or malformed (expected %s)", word, expected);
}

static int read_format(struct slice *text, struct error *e)
{
    unsigned long long format;
    struct slice value;

    if (!take_line(text, FORMAT_WORD, &value) || !slice_to_u64(value, UINT32_MAX, &format) || format == 0)
        return error_set(e,
                         "is not what postern-mirror offers: its first line is not \"" FORMAT_WORD " %u\"; does the "
                         "address lead to the folder mirror.offer of the other relay?",
                         OFFERING_FORMAT);
    if (format != OFFERING_FORMAT)
        return error_set(e, "is of format %llu, and this program reads format %u: upgrade the older of the two relays",
                         format, OFFERING_FORMAT);
    return 0;
}

/* The key comes first: with another one nothing can be said of the seal. */
static int read_key(struct slice *text, const struct cluster_key *key, struct error *e)
{
    struct slice value;

    if (!take_line(text, "key", &value))
        return wrong_line("key", "16 hexadecimal digits", e);
    if (!slice_eq(value, slice_of(key->check)))
        return error_set(e,
                         "is sealed with another cluster's key (it has the mark \"%s\", ours is \"%s\"): all relays "
                         "need the same cluster.key_file",
                         words(value).text, key->check);
    return 0;
}

/* Checks the last line and cuts it off. */
static int read_seal(struct slice *text, const struct cluster_key *key, struct error *e)
{
    struct slice word = SLICE("seal ");
    size_t line = word.n + 2 * SEAL_BYTES + 1;
    unsigned char said[SEAL_BYTES], seal[SEAL_BYTES];
    struct slice end;

    if (text->n < line || text->p[text->n - 1] != '\n')
        return wrong_line("seal", "64 hexadecimal digits at its end; it may be cut", e);
    end = (struct slice){text->p + text->n - line, line - 1};
    if (!slice_starts_with(end, word) || !read_hex((struct slice){end.p + word.n, end.n - word.n}, said, sizeof said))
        return wrong_line("seal", "64 hexadecimal digits at its end; it may be cut", e);
    text->n -= line;
    if (make_seal(*text, key, seal, e) != 0)
        return -1;
    return CRYPTO_memcmp(seal, said, sizeof seal) == 0
               ? 0
               : error_set(e, "has a seal that is not right: it was changed, or damaged on the way");
}

static int read_origin(struct slice *text, struct offering *out, struct error *e)
{
    unsigned long long number;
    struct slice value;

    if (!take_line(text, "relay", &out->relay) || out->relay.n == 0 || out->relay.n > OFFERING_RELAY_MAX)
        return wrong_line("relay", "a relay's name", e);
    if (!take_line(text, "offered", &value) || !slice_to_u64(value, INT64_MAX, &number))
        return wrong_line("offered", "a time in seconds", e);
    out->offered_at = (int64_t)number;
    return 0;
}

static int read_machine(struct slice *text, struct error *e)
{
    char ours[64];
    struct buf b = BUF_OVER(ours);
    struct slice value;

    buf_addf(&b, "%ld %u %s", sysconf(_SC_PAGESIZE), WORD_BITS, byte_order());
    if (!take_line(text, "machine", &value))
        return wrong_line("machine", "a page's size, bits and order of bytes", e);
    return slice_eq(value, buf_slice(&b))
               ? 0
               : error_set(e,
                           "comes from another kind of machine (memory page, bits, order of bytes: %s, here %s), "
                           "whose files cannot be used here: give this relay a mirror of its own",
                           words(value).text, ours);
}

static int read_manifest(struct slice text, struct offering *out, struct error *e)
{
    unsigned long long number;
    struct slice value;

    if (!take_line(&text, "digest", &value) || !read_hex(value, out->digest, sizeof out->digest))
        return wrong_line("digest", "64 hexadecimal digits", e);
    if (!take_line(&text, "manifest", &value) || !slice_to_u64(value, MANIFEST_MAX, &number) || number != text.n)
        return wrong_line("manifest", "how many bytes follow", e);
    out->manifest = text;
    return manifest_parse(text, &out->m, e);
}

int offering_read(struct slice text, const struct cluster_key *key, struct offering *out, struct error *e)
{
    struct slice whole = text;

    *out = (struct offering){.offered_at = 0};
    if (read_format(&text, e) != 0 || read_key(&text, key, e) != 0 || read_seal(&whole, key, e) != 0)
        return -1;
    /* Both begin at the same byte: what is left is between the first lines and the last. */
    if (text.p > whole.p + whole.n)
        return wrong_line("relay", "a relay's name", e);
    text.n = (size_t)(whole.p + whole.n - text.p);
    return read_origin(&text, out, e) != 0 || read_machine(&text, e) != 0 ? -1 : read_manifest(text, out, e);
}

void offering_free(struct offering *o)
{
    manifest_free(&o->m);
}

/* ---- the file ---- */

static int digest_into(EVP_MD_CTX *context, int fd, uint64_t size, struct error *e)
{
    unsigned char piece[READ_BYTES];

    for (uint64_t at = 0; at < size;) {
        ssize_t n = pread(fd, piece, size - at < sizeof piece ? (size_t)(size - at) : sizeof piece, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(e, n < 0 ? "cannot be read: %s" : "ends before its time", strerror(errno));
        if (EVP_DigestUpdate(context, piece, (size_t)n) != 1)
            return error_set(e, "OpenSSL could not make a digest (SHA-256)");
        at += (uint64_t)n;
    }
    return 0;
}

int offering_digest(int fd, uint64_t size, unsigned char out[OFFERING_DIGEST_BYTES], struct error *e)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned n = 0;
    int result = -1;

    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        (void)error_set(e, "OpenSSL could not make a digest (SHA-256)");
    else
        result = digest_into(context, fd, size, e);
    if (result == 0 && (EVP_DigestFinal_ex(context, out, &n) != 1 || n != OFFERING_DIGEST_BYTES))
        result = error_set(e, "OpenSSL could not make a digest (SHA-256)");
    EVP_MD_CTX_free(context);
    return result;
}
