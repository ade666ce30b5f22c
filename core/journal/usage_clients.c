#include "core/journal/usage_clients.h"

/* Almost always it is the first. */
void clients_add(struct usage_client clients[USAGE_CLIENTS], const struct ip *ip, int64_t at_s)
{
    unsigned at = 0, from = 0;

    while (at < USAGE_CLIENTS && clients[at].last_s > at_s) {
        if (memcmp(&clients[at].ip, ip, sizeof *ip) == 0)
            return;
        at++;
    }
    if (at == USAGE_CLIENTS)
        return;
    for (from = at; from < USAGE_CLIENTS - 1; from++)
        if (clients[from].last_s == 0 || memcmp(&clients[from].ip, ip, sizeof *ip) == 0)
            break;
    memmove(&clients[at + 1], &clients[at], (from - at) * sizeof clients[0]);
    clients[at].ip = *ip;
    clients[at].last_s = at_s;
}

void clients_write(const struct usage_client clients[USAGE_CLIENTS], struct buf *b)
{
    char ip[IP_TEXT_MAX];

    for (int i = 0; i < USAGE_CLIENTS && clients[i].last_s > 0; i++) {
        if (i > 0)
            buf_add_char(b, ' ');
        buf_add(b, ip_text(&clients[i].ip, ip));
        buf_add_char(b, '=');
        buf_add_u64(b, (unsigned long long)clients[i].last_s);
    }
}

bool usage_take_pair(struct slice *rest, struct slice *name, uint64_t *number)
{
    unsigned long long value;
    struct slice pair, digits;

    if (rest->n == 0)
        return false;
    (void)slice_cut(*rest, ' ', &pair, rest);
    if (!slice_cut(pair, '=', name, &digits) || !slice_to_u64(digits, INT64_MAX, &value))
        return false;
    *number = value;
    return true;
}

void clients_read(struct slice text, struct usage_client clients[USAGE_CLIENTS])
{
    struct slice name;
    uint64_t last_s;

    for (int i = 0; i < USAGE_CLIENTS && usage_take_pair(&text, &name, &last_s); i++) {
        if (last_s == 0 || (i > 0 && (int64_t)last_s > clients[i - 1].last_s) || !ip_parse(name, &clients[i].ip))
            return;
        clients[i].last_s = (int64_t)last_s;
    }
}
