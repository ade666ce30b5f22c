#include "core/mail/network.h"

#include "core/base/buf.h"
#include "core/base/quote.h"

#include <arpa/inet.h>

#define V4_BITS 96 /* before a mapped IPv4 address: RFC 4291 2.5.5.2 */
#define NAT64_BITS 96

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* the well-known prefix, RFC 6052 2.1 */

/* "[x]", "IPv6:x" and "[IPv6:x]" (RFC 5321 4.1.3) to x. */
static struct slice undecorated(struct slice text)
{
    static const struct slice tag = {"ipv6:", 5};

    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = (struct slice){text.p + 1, text.n - 2};
    if (text.n >= tag.n && slice_ieq((struct slice){text.p, tag.n}, tag))
        text = (struct slice){text.p + tag.n, text.n - tag.n};
    return text;
}

/* *dotted: a plain IPv4 address, so a prefix length counts from its own first bit. NAT64 stays wrapped. */
static bool parse_wrapped(struct slice text, struct ip *out, bool *dotted)
{
    char terminated[IP_TEXT_MAX];

    text = undecorated(text);
    if (text.n == 0 || text.n >= sizeof terminated || memchr(text.p, '\0', text.n) != NULL)
        return false;
    memcpy(terminated, text.p, text.n);
    terminated[text.n] = '\0';
    *dotted = inet_pton(AF_INET, terminated, out->b + sizeof v4_mapped) == 1;
    if (*dotted) {
        memcpy(out->b, v4_mapped, sizeof v4_mapped);
        return true;
    }
    return inet_pton(AF_INET6, terminated, out->b) == 1;
}

static bool is_nat64(const struct ip *a)
{
    return memcmp(a->b, nat64, sizeof nat64) == 0;
}

bool ip_parse(struct slice text, struct ip *out)
{
    bool dotted;

    if (!parse_wrapped(text, out, &dotted))
        return false;
    if (is_nat64(out))
        memcpy(out->b, v4_mapped, sizeof v4_mapped);
    return true;
}

bool ip_is_v4(const struct ip *a)
{
    return memcmp(a->b, v4_mapped, sizeof v4_mapped) == 0;
}

static struct network around(const struct ip *a, unsigned prefix)
{
    struct network net = {.base = *a, .prefix = (uint8_t)prefix};

    for (unsigned bit = prefix; bit < 128; bit = (bit | 7) + 1)
        net.base.b[bit / 8] &= (uint8_t) ~(0xffu >> (bit % 8));
    return net;
}

struct network network_around(const struct ip *a, unsigned v4_prefix, unsigned v6_prefix)
{
    if (ip_is_v4(a))
        return around(a, V4_BITS + (v4_prefix < 32 ? v4_prefix : 32));
    return around(a, v6_prefix < 128 ? v6_prefix : 128);
}

bool network_contains(const struct network *net, const struct ip *a)
{
    struct network other;

    if (net->prefix < V4_BITS && ip_is_v4(a))
        return false;
    other = around(a, net->prefix);
    return memcmp(other.base.b, net->base.b, sizeof other.base.b) == 0;
}

struct slice network_text(const struct network *net, char *out)
{
    struct buf b = buf_over(out, NETWORK_TEXT_MAX);
    char address[IP_TEXT_MAX];

    buf_add(&b, ip_text(&net->base, address));
    buf_add_char(&b, '/');
    buf_add_u64(&b, ip_is_v4(&net->base) ? net->prefix - V4_BITS : net->prefix);
    return buf_slice(&b);
}

/* Decimal, 0..most, without leading zeros, which once meant octal. */
static bool prefix_parse(struct slice text, unsigned most, unsigned *out)
{
    unsigned long long value;

    if (text.n > 3 || (text.n > 1 && text.p[0] == '0') || !slice_to_u64(text, most, &value))
        return false;
    *out = (unsigned)value;
    return true;
}

static int host_bits_error(struct slice text, const struct ip *a, const struct network *meant, struct error *e)
{
    char address[IP_TEXT_MAX], network[NETWORK_TEXT_MAX];

    (void)ip_text(a, address);
    (void)network_text(meant, network);
    return error_set(e, "network \"%s\" has host bits set: write %s for the network, or %s for the one address",
                     quote(text).text, network, address);
}

int network_parse(struct slice text, struct network *out, struct error *e)
{
    struct slice address, length;
    bool dotted, has_length = slice_cut(text, '/', &address, &length);
    struct network net;
    unsigned most, prefix;
    struct ip a;

    if (!parse_wrapped(address, &a, &dotted))
        return error_set(e,
                         "network \"%s\": expected an address or a network, such as 192.0.2.1, 192.0.2.0/24 or "
                         "2001:db8::/32",
                         quote(text).text);
    most = prefix = dotted ? 32 : 128;
    if (has_length && !prefix_parse(length, most, &prefix))
        return error_set(e, "network \"%s\": after the slash comes a prefix length, a number from 0 to %u",
                         quote(text).text, most);
    if (dotted)
        prefix += V4_BITS;

    net = around(&a, prefix);
    if (memcmp(net.base.b, a.b, sizeof a.b) != 0)
        return host_bits_error(text, &a, &net, e);
    if (is_nat64(&net.base) && prefix == NAT64_BITS)
        return error_set(e,
                         "network \"%s\" is the NAT64 prefix, whose clients are known by their IPv4 addresses: "
                         "write their IPv4 networks",
                         quote(text).text);
    if (is_nat64(&net.base) && prefix > NAT64_BITS)
        memcpy(net.base.b, v4_mapped, sizeof v4_mapped);
    *out = net;
    return 0;
}
