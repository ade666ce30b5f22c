#include "cluster/slots.h"

/* CRC16 of the XMODEM kind: polynomial 0x1021, as Redis Cluster's specification has it. */
static unsigned crc16(const char *text)
{
    unsigned crc = 0;

    for (; *text != '\0'; text++) {
        crc ^= (unsigned)(unsigned char)*text << 8;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1;
    }
    return crc;
}

unsigned slots_of_tag(unsigned tag)
{
    char text[3];

    return crc16(tag_text(tag, text)) % SLOTS_ALL;
}

/* ---- the map ---- */

/* A node is its host, its port, and more. Nothing in place of the host is the one that was asked. */
static bool read_node(const struct reply *node, const char *asked, struct server_name *out)
{
    const struct reply *host = node->elements[0], *port = node->elements[1];
    bool none = host->type == REPLY_NIL || (host->type == REPLY_TEXT && host->text.n == 0);

    return (none || host->type == REPLY_TEXT) && port->type == REPLY_INTEGER && port->integer > 0 &&
           server_name_set(out, none ? slice_of(asked) : host->text, (uint64_t)port->integer);
}

/* Its number in the map; SLOTS_NOBODY: there are too many. */
static uint8_t number_of(struct slots_map *map, const struct server_name *name)
{
    unsigned i = 0;

    while (i < map->n && !server_name_eq(map->masters + i, name))
        i++;
    if (i == SLOTS_MASTERS_MAX)
        return SLOTS_NOBODY;
    if (i == map->n)
        map->masters[map->n++] = *name;
    return (uint8_t)i;
}

/* First and last slot, the master, its replicas. */
static int read_range(const struct reply *range, const char *asked, const unsigned *slots, struct slots_map *out,
                      struct error *e)
{
    const struct reply *node;
    struct server_name name;
    int64_t first, last;

    if (reply_array(range, 3) == NULL || range->elements[0]->type != REPLY_INTEGER ||
        range->elements[1]->type != REPLY_INTEGER || (node = reply_array(range->elements[2], 2)) == NULL)
        return error_set(e, "Redis replied to CLUSTER SLOTS with something else");
    first = range->elements[0]->integer;
    last = range->elements[1]->integer;
    if (first < 0 || last < first || last >= (int64_t)SLOTS_ALL)
        return error_set(e, "Redis replied to CLUSTER SLOTS with slots %lld to %lld", (long long)first,
                         (long long)last);
    if (!read_node(node, asked, &name))
        return 0; /* as Redis does for a master whose name it has not learned: nobody has these */
    for (unsigned tag = 0; tag <= KEY_TAGS; tag++) {
        if (slots[tag] < first || slots[tag] > last)
            continue;
        if ((out->owners[tag] = number_of(out, &name)) == SLOTS_NOBODY)
            return error_set(e, "the Redis Cluster has more than %u masters", SLOTS_MASTERS_MAX);
    }
    return 0;
}

int slots_read(const struct reply *reply, const char *asked, struct slots_map *out, struct error *e)
{
    unsigned slots[KEY_TAGS + 1];

    out->n = 0;
    memset(out->owners, SLOTS_NOBODY, sizeof out->owners);
    for (unsigned tag = 0; tag <= KEY_TAGS; tag++)
        slots[tag] = slots_of_tag(tag);
    if (reply_array(reply, 0) == NULL)
        return error_set(e, "Redis replied to CLUSTER SLOTS with something else");
    for (size_t i = 0; i < reply->n; i++)
        if (read_range(reply->elements[i], asked, slots, out, e) != 0)
            return -1;
    return 0;
}

/* ---- redirections ---- */

/* "host:port", where a host can have colons of its own, or be missing. */
static bool read_place(struct slice text, const char *asked, struct server_name *out)
{
    unsigned long long port;
    size_t colon = text.n;

    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || !slice_to_u64((struct slice){text.p + colon, text.n - colon}, UINT16_MAX, &port))
        return false;
    return server_name_set(out, colon == 1 ? slice_of(asked) : (struct slice){text.p, colon - 1}, port);
}

bool slots_redirect_read(const struct reply *reply, const char *asked, struct slots_redirect *out)
{
    struct slice kind, rest, slot, place;

    out->ask = reply_is_error(reply, "ASK");
    return (out->ask || reply_is_error(reply, "MOVED")) && slice_cut(reply->text, ' ', &kind, &rest) &&
           slice_cut(rest, ' ', &slot, &place) && read_place(place, asked, &out->to);
}
