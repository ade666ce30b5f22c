/*
 * IP addresses and networks. Everything is 128 bits wide: IPv4 is kept as IPv4-mapped IPv6 (::ffff:a.b.c.d, RFC 4291
 * 2.5.5.2), so that 192.0.2.1 and ::ffff:192.0.2.1 are one client.
 *
 * The two families are still separate: "::/0" is every IPv6 address and no IPv4 address, as in Postfix; every IPv4
 * address is "0.0.0.0/0".
 */
#ifndef POSTERN_NETWORK_H
#define POSTERN_NETWORK_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdint.h>

struct ip {
    uint8_t b[16];
};

struct network {
    struct ip base; /* host bits are zero */
    uint8_t prefix; /* 0..128; an IPv4 /n is 96 + n */
};

#define IP_TEXT_MAX 46 /* with the terminator */

/*
 * "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", each also with the prefix "IPv6:" that a milter's macro carries, and
 * in square brackets. NAT64 (64:ff9b::/96, RFC 6052) is unwrapped to its IPv4 address. False for anything else,
 * "unknown", scope ids and octets with leading zeros among it.
 */
bool ip_parse(struct slice text, struct ip *out);
bool ip_is_v4(const struct ip *a);
/* Writes the usual text form (IPv4 dotted, IPv6 compressed) into out[IP_TEXT_MAX]; returns its slice. */
struct slice ip_text(const struct ip *a, char *out);

/*
 * "a.b.c.d/n", "x::/n", Postfix's "[x::]/n", or an address alone. ::ffff:192.0.2.0/120 is 192.0.2.0/24. An error:
 * host bits that are set (a typing error more often than not; e names the network that was probably meant), and
 * 64:ff9b::/96, which would be every IPv4 address, since the clients behind it are known by theirs. 0, or -1 with e.
 */
int network_parse(struct slice text, struct network *out, struct error *e);
bool network_contains(const struct network *net, const struct ip *a);
/* The network of that size around a: v4_prefix (0..32) for IPv4, v6_prefix (0..128) for IPv6. */
struct network network_around(const struct ip *a, unsigned v4_prefix, unsigned v6_prefix);
#define NETWORK_TEXT_MAX (IP_TEXT_MAX + 4)
/* Always with the prefix length ("192.0.2.1/32"), into out[NETWORK_TEXT_MAX]; network_parse reads it back. */
struct slice network_text(const struct network *net, char *out);

/*
 * Every network of an operator's file: one a line, "#" comments (core/base/lines.h has the rules). add is called once a
 * network, in the file's order; when it returns -1 with e, reading stops there. 0, or -1 with e, which begins with
 * the file and the line. What was added before an error stays added; the caller discards it.
 */
typedef int network_add(void *arg, const struct network *net, unsigned line, struct error *e);
int network_list_load(const char *path, network_add *add, void *arg, struct error *e);
/* The same for text that is in memory already; path is for the errors. */
int network_list_parse(struct slice text, const char *path, network_add *add, void *arg, struct error *e);

/*
 * A map from networks to small numbers; the longest prefix wins. Built once, then read by any number of threads.
 * A look-up costs O(log n) whatever the mix of sizes.
 */
struct network_map;

struct network_map *network_map_new(void); /* NULL without memory */
/*
 * 0; or -1 with e when the very same network is there already with another value (value_there gets it; may be NULL),
 * when the map is built already, or without memory. The same network with the same value is fine.
 */
int network_map_add(struct network_map *map, const struct network *net, unsigned value, unsigned *value_there,
                    struct error *e);
/* Must be called once after the last add and before the first find. 0, or -1 without memory. */
int network_map_build(struct network_map *map, struct error *e);
/* True and *value for the longest network that holds a. */
bool network_map_find(const struct network_map *map, const struct ip *a, unsigned *value);
/* Is any address of this network in the map? */
bool network_map_touches(const struct network_map *map, const struct network *net);
/* Different networks that were added. */
size_t network_map_count(const struct network_map *map);
void network_map_free(struct network_map *map); /* NULL is fine */

#endif
