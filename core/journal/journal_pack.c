/* Usage as it is kept. */
#include "core/journal/journal_code.h"

/* Zeros make its size a multiple of this: most often LMDB then puts a usage in the place of what it was before, without
 * moving its neighbours. */
#define PADDED 16

static bool are_zero(const uint64_t *counts)
{
    static const uint64_t none[REASON_COUNT];

    return memcmp(counts, none, sizeof none) == 0;
}

/* How many, then name and count of those that are not zero. */
static uint8_t *put_reasons(uint8_t *p, const uint64_t *counts)
{
    unsigned n = 0;

    if (are_zero(counts)) { /* as most */
        *p++ = 0;
        return p;
    }
    for (unsigned i = 0; i < REASON_COUNT; i++)
        n += counts[i] != 0;
    *p++ = (uint8_t)n;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        p = put_reason(p, (enum reason)i);
        p = put_number(p, counts[i]);
    }
    return p;
}

static void take_reasons(struct source *s, uint64_t *counts)
{
    unsigned n = take_below(s, 128);

    for (unsigned i = 0; i < n && !s->bad; i++) {
        enum reason reason = take_reason(s);
        uint64_t count = take_number(s);

        if (reason != REASON_COUNT)
            counts[reason] += count;
    }
}

static const size_t usage_numbers[] = {offsetof(struct usage, messages), offsetof(struct usage, recipients),
                                       offsetof(struct usage, bytes), offsetof(struct usage, basic),
                                       offsetof(struct usage, oauth)};

/* How many, then each: was it IPv4, the address, and how long before last_s it was seen. */
static uint8_t *put_clients(uint8_t *p, const struct usage *u)
{
    uint8_t *n = p++;

    for (*n = 0; *n < USAGE_CLIENTS && u->clients[*n].last_s > 0; ++*n) {
        const struct ip *ip = &u->clients[*n].ip;
        bool v4 = ip_is_v4(ip);

        *p++ = v4;
        p = put_ip(p, ip, v4);
        p = put_time(p, u->last_s - u->clients[*n].last_s);
    }
    return p;
}

static void take_clients(struct source *s, struct usage *u)
{
    unsigned n = take_below(s, USAGE_CLIENTS + 1);

    for (unsigned i = 0; i < n && !s->bad; i++) {
        take_ip(s, &u->clients[i].ip, take_below(s, 2) == 1);
        u->clients[i].last_s = u->last_s - take_time(s);
        if (u->clients[i].last_s <= 0 || (i > 0 && u->clients[i].last_s > u->clients[i - 1].last_s))
            s->bad = true;
    }
}

size_t usage_pack(const struct usage *u, uint8_t *out)
{
    uint8_t *p = out;

    p = put_time(p, u->first_s);
    p = put_time(p, u->last_s);
    p = put_time(p, u->last_refused_s);
    for (size_t i = 0; i < sizeof usage_numbers / sizeof usage_numbers[0]; i++)
        p = put_number(p, *(const uint64_t *)(const void *)((const char *)u + usage_numbers[i]));
    *p++ = TLS_NEWER + 1;
    for (unsigned i = 0; i <= TLS_NEWER; i++)
        p = put_number(p, u->tls[i]);
    p = put_reasons(p, u->refused);
    p = put_reasons(p, u->would);
    p = put_clients(p, u);
    while ((p - out) % PADDED != 0)
        *p++ = 0;
    return (size_t)(p - out);
}

static bool is_padding(const struct source *s)
{
    static const uint8_t zeros[PADDED];

    return s->n < PADDED && memcmp(s->p, zeros, s->n) == 0;
}

bool usage_unpack(struct slice packed, struct usage *u)
{
    struct source s = {(const uint8_t *)packed.p, packed.n, false};
    unsigned versions;

    memset(u, 0, sizeof *u);
    u->first_s = take_time(&s);
    u->last_s = take_time(&s);
    u->last_refused_s = take_time(&s);
    for (size_t i = 0; i < sizeof usage_numbers / sizeof usage_numbers[0]; i++)
        *(uint64_t *)(void *)((char *)u + usage_numbers[i]) = take_number(&s);
    versions = take_below(&s, TLS_NEWER + 2);
    for (unsigned i = 0; i < versions; i++)
        u->tls[i] = take_number(&s);
    take_reasons(&s, u->refused);
    take_reasons(&s, u->would);
    take_clients(&s, u);
    return !s.bad && is_padding(&s);
}
