#include "bench/sasl_wire.h"

#include <string.h>

const char sasl_server_greeting[] = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\n"
                                    "COOKIE\t0123456789abcdef0123456789abcdef\nDONE\n";
const char sasl_client_greeting[] = "VERSION\t1\t1\nCPID\t1\n";

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* RFC 4648, section 4 */
static void add_base64(struct buf *b, struct slice bytes)
{
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t group = 0;

        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < n ? (unsigned char)bytes.p[i + j] : 0u);
        for (size_t j = 0; j < 4; j++)
            buf_add_char(b, j <= n ? digits[group >> (18 - 6 * j) & 63] : '=');
    }
}

static bool read_base64(struct slice text, struct buf *b)
{
    uint32_t group = 0;
    unsigned bits = 0;

    for (size_t i = 0; i < text.n && text.p[i] != '='; i++) {
        const char *digit = text.p[i] == '\0' ? NULL : strchr(digits, text.p[i]);

        if (digit == NULL)
            return false;
        group = (group << 6 | (uint32_t)(digit - digits)) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            buf_add_char(b, (char)(group >> bits & 0xff));
        }
    }
    return !b->full;
}

void sasl_add_auth(struct buf *b, const struct sasl_attempt *a)
{
    char text[2 * SASL_NAME_MAX];
    struct buf plain = BUF_OVER(text);

    buf_add_char(&plain, '\0');
    buf_add(&plain, slice_of(a->login));
    buf_add_char(&plain, '\0');
    buf_add(&plain, slice_of(a->password));
    buf_addf(b, "AUTH\t%u\tPLAIN\tservice=smtp\tnologin\tlip=203.0.113.1\trip=%s\tsecured\tresp=", (unsigned)a->id,
             a->client);
    add_base64(b, buf_slice(&plain));
    buf_add_char(b, '\n');
}

static bool take_name(struct slice name, char out[SASL_NAME_MAX])
{
    if (name.n >= SASL_NAME_MAX)
        return false;
    memcpy(out, name.p, name.n);
    out[name.n] = '\0';
    return true;
}

bool sasl_read_plain(struct slice base64, struct sasl_plain *plain)
{
    char text[3 * SASL_NAME_MAX];
    struct buf b = BUF_OVER(text);
    struct slice authorize, login, password;

    return read_base64(base64, &b) && slice_cut(buf_slice(&b), '\0', &authorize, &login) &&
           slice_cut(login, '\0', &login, &password) && take_name(login, plain->login) &&
           take_name(password, plain->password);
}

struct slice sasl_parameter(struct slice words, struct slice name)
{
    struct slice word;

    while (words.n > 0) {
        (void)slice_cut(words, '\t', &word, &words);
        if (slice_starts_with(word, name))
            return (struct slice){word.p + name.n, word.n - name.n};
    }
    return (struct slice){NULL, 0};
}
