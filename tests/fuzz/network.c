/*
 * The input is a file of networks. What is accepted is written and read back as the same; a map of all the file's
 * networks answers like a scan of them, for the edges of each and for the addresses that the lines spell.
 */
#include "core/mail/network.h"
#include "core/base/lines.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define MOST 200 /* networks: the scan is quadratic */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct scan {
    struct network nets[MOST];
    unsigned values[MOST];
    size_t n;
    struct network_map *map;
};

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* An error is one line of printable text. */
static void check_error(const struct error *e)
{
    size_t n = strnlen(e->text, sizeof e->text);

    check(n > 0 && n < sizeof e->text);
    for (size_t i = 0; i < n; i++)
        check(e->text[i] >= 0x20 && e->text[i] < 0x7f);
}

static void check_ip_text(const struct ip *a)
{
    bool v4 = ip_is_v4(a);
    char text[IP_TEXT_MAX], expected[INET6_ADDRSTRLEN];
    struct ip again;
    struct slice s = ip_text(a, text);

    check(inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->b + 12 : a->b, expected, sizeof expected) != NULL);
    check(slice_eq(s, slice_of(expected)) && strcmp(text, expected) == 0);
    check(ip_parse(s, &again) && memcmp(a, &again, sizeof again) == 0);
}

static void check_network_text(const struct network *net)
{
    char text[NETWORK_TEXT_MAX];
    struct network again;

    check(net->prefix <= 128);
    check(network_parse(network_text(net, text), &again, NULL) == 0 && memcmp(net, &again, sizeof again) == 0);
    check(network_contains(net, &net->base));
}

static int note(void *arg, const struct network *net, unsigned line, struct error *e)
{
    struct scan *scan = arg;
    unsigned there = 0, value = line % 3;

    check_network_text(net);
    if (scan->n == MOST)
        return error_set(e, "enough");
    if (network_map_add(scan->map, net, value, &there, e) != 0) {
        check(there != value);
        check_error(e);
        return 0;
    }
    scan->nets[scan->n] = *net;
    scan->values[scan->n++] = value;
    return 0;
}

static void check_find(const struct scan *scan, const struct ip *a)
{
    int best = -1, prefix = -1;
    unsigned value = 0;

    for (size_t i = 0; i < scan->n; i++) {
        if ((int)scan->nets[i].prefix > prefix && network_contains(&scan->nets[i], a)) {
            best = (int)i;
            prefix = scan->nets[i].prefix;
        }
    }
    check(network_map_find(scan->map, a, &value) == (best >= 0));
    check(best < 0 || value == scan->values[best]);
}

static void check_edges(const struct scan *scan, const struct network *net)
{
    struct ip last = net->base;

    for (unsigned bit = net->prefix; bit < 128; bit++)
        last.b[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
    check_find(scan, &net->base);
    check_find(scan, &last);
    for (size_t i = sizeof last.b; i-- > 0;)
        if (++last.b[i] != 0)
            break;
    check_find(scan, &last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size}, entry;
    struct scan scan = {.n = 0, .map = network_map_new()};
    struct lines lines;
    struct error e;
    struct ip a;

    if (network_list_parse(text, "fuzz", note, &scan, &e) != 0)
        check_error(&e);
    check(network_map_count(scan.map) <= scan.n);
    check(network_map_build(scan.map, &e) == 0);
    for (size_t i = 0; i < scan.n; i++)
        check_edges(&scan, &scan.nets[i]);

    lines_start(&lines, text, "fuzz");
    while (lines_next(&lines, &entry, &e) == 1 && lines.number < MOST) {
        struct network net;

        if (!ip_parse(entry, &a))
            continue;
        check_ip_text(&a);
        check_find(&scan, &a);
        net = network_around(&a, lines.number % 33, lines.number % 129);
        check(network_contains(&net, &a));
        check_network_text(&net);
    }
    network_map_free(scan.map);
    return 0;
}
