#include "core/journal_pack.h"

#define RECORD_VERSION 1
#define USAGE_VERSION 1

enum { FLAG_MILTER = 1, FLAG_CLIENT = 2, FLAG_COUNTS = 4, FLAGS = 7 };
enum { AT_FLAGS = 1 }; /* behind the version */

/* ---- writing: the maximum sizes in the header hold for every record, so that nothing is checked here ---- */

static uint8_t *put_number(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put_time(uint8_t *p, int64_t s)
{
    return put_number(p, s > 0 ? (uint64_t)s : 0);
}

static uint8_t *put_text(uint8_t *p, const char *text, size_t cap)
{
    size_t n = strnlen(text, cap - 1);

    *p++ = (uint8_t)n;
    memcpy(p, text, n);
    return p + n;
}

/* REASON_NOT_OURS is the empty name. */
static uint8_t *put_reason(uint8_t *p, enum reason reason)
{
    return put_text(p, reason == REASON_NOT_OURS ? "" : reason_row(reason)->name, 64);
}

/* ---- reading ---- */

struct source {
    const uint8_t *p;
    size_t n;
    bool bad;
};

/* n bytes, or NULL. */
static const uint8_t *take(struct source *s, size_t n)
{
    const uint8_t *p = s->p;

    if (s->bad || n > s->n) {
        s->bad = true;
        return NULL;
    }
    s->p += n;
    s->n -= n;
    return p;
}

static unsigned take_below(struct source *s, unsigned end)
{
    const uint8_t *p = take(s, 1);

    if (p == NULL || *p >= end) {
        s->bad = true;
        return 0;
    }
    return *p;
}

/* Of all spellings of a number only the shortest is one. */
static uint64_t take_number(struct source *s)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = take(s, 1);

        if (p == NULL || (shift == 63 && *p > 1) || (shift > 0 && *p == 0))
            break;
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (*p < 0x80)
            return v;
    }
    s->bad = true;
    return 0;
}

static int64_t take_time(struct source *s)
{
    uint64_t v = take_number(s);

    if (v > INT64_MAX) {
        s->bad = true;
        return 0;
    }
    return (int64_t)v;
}

static struct slice take_slice(struct source *s)
{
    unsigned n = take_below(s, 256);
    const uint8_t *p = take(s, n);

    return p != NULL ? (struct slice){(const char *)p, n} : (struct slice){NULL, 0};
}

static void take_text(struct source *s, char *out, size_t cap)
{
    struct slice text = take_slice(s);

    if (text.n >= cap || (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)) {
        s->bad = true;
        return;
    }
    if (text.n > 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
}

/* A name that is not known here is REASON_COUNT. */
static enum reason take_reason(struct source *s)
{
    struct slice name = take_slice(s);
    enum reason reason = REASON_NOT_OURS;

    if (name.n > 0 && !reason_find(name, &reason))
        return REASON_COUNT;
    return reason;
}

/* ---- records ---- */

#define TEXT(member)                                                                                                   \
    {                                                                                                                  \
        offsetof(struct journal_record, member), sizeof((struct journal_record *)0)->member                            \
    }

static const struct {
    size_t offset, cap;
} texts[] = {
    TEXT(tenant), TEXT(connector), TEXT(login),     TEXT(mailbox),  TEXT(method),
    TEXT(limit),  TEXT(sender),    TEXT(recipient), TEXT(queue_id), TEXT(instance),
};

size_t record_pack(const struct journal_record *r, uint8_t *out)
{
    uint8_t *p = out;

    *p++ = RECORD_VERSION;
    *p++ = (uint8_t)((r->milter ? FLAG_MILTER : 0) | (r->has_client ? FLAG_CLIENT : 0) | (r->counts ? FLAG_COUNTS : 0));
    *p++ = (uint8_t)r->action;
    *p++ = (uint8_t)r->stage;
    *p++ = (uint8_t)r->tls;
    p = put_reason(p, r->reason);
    p = put_reason(p, r->monitored);
    if (r->has_client) {
        memcpy(p, r->client.b, sizeof r->client.b);
        p += sizeof r->client.b;
    }
    p = put_number(p, r->recipients);
    p = put_number(p, r->size);
    p = put_number(p, r->retry_s);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        p = put_text(p, (const char *)r + texts[i].offset, texts[i].cap);
    return (size_t)(p - out);
}

void record_pack_counts(uint8_t *packed, bool counts)
{
    packed[AT_FLAGS] = (uint8_t)((packed[AT_FLAGS] & ~FLAG_COUNTS) | (counts ? FLAG_COUNTS : 0));
}

bool record_unpack(struct slice packed, struct journal_record *r)
{
    struct source s = {(const uint8_t *)packed.p, packed.n, false};
    const uint8_t *client;
    uint64_t recipients;
    unsigned flags;

    memset(r, 0, sizeof *r);
    if (take_below(&s, 256) != RECORD_VERSION)
        return false;
    flags = take_below(&s, FLAGS + 1);
    r->milter = (flags & FLAG_MILTER) != 0;
    r->has_client = (flags & FLAG_CLIENT) != 0;
    r->counts = (flags & FLAG_COUNTS) != 0;
    r->action = (enum action)take_below(&s, ACTION_HOLD + 1);
    r->stage = (enum stage)take_below(&s, STAGE_END + 1);
    r->tls = (enum tls_version)take_below(&s, TLS_NEWER + 1);
    r->reason = take_reason(&s);
    r->monitored = take_reason(&s);
    if (r->has_client && (client = take(&s, sizeof r->client.b)) != NULL)
        memcpy(r->client.b, client, sizeof r->client.b);
    recipients = take_number(&s);
    r->recipients = (uint32_t)recipients;
    r->size = take_number(&s);
    r->retry_s = take_number(&s);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        take_text(&s, (char *)r + texts[i].offset, texts[i].cap);
    return !s.bad && s.n == 0 && recipients <= UINT32_MAX && r->reason != REASON_COUNT && r->monitored != REASON_COUNT;
}

/* ---- usage ---- */

/* How many, then name and count of those that are not zero. */
static uint8_t *put_reasons(uint8_t *p, const uint64_t *counts)
{
    unsigned n = 0;

    for (unsigned i = 0; i < REASON_COUNT; i++)
        n += counts[i] != 0;
    p = put_number(p, n);
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

size_t usage_pack(const struct usage *u, uint8_t *out)
{
    uint8_t *p = out;
    unsigned clients = 0;

    *p++ = USAGE_VERSION;
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
    while (clients < USAGE_CLIENTS && u->clients[clients].last_s > 0)
        clients++;
    *p++ = (uint8_t)clients;
    for (unsigned i = 0; i < clients; i++) {
        memcpy(p, u->clients[i].ip.b, sizeof u->clients[i].ip.b);
        p = put_time(p + sizeof u->clients[i].ip.b, u->clients[i].last_s);
    }
    return (size_t)(p - out);
}

static void take_clients(struct source *s, struct usage *u)
{
    unsigned n = take_below(s, USAGE_CLIENTS + 1);

    for (unsigned i = 0; i < n && !s->bad; i++) {
        const uint8_t *ip = take(s, sizeof u->clients[i].ip.b);

        if (ip != NULL)
            memcpy(u->clients[i].ip.b, ip, sizeof u->clients[i].ip.b);
        u->clients[i].last_s = take_time(s);
        if (u->clients[i].last_s == 0)
            s->bad = true;
    }
}

bool usage_unpack(struct slice packed, struct usage *u)
{
    struct source s = {(const uint8_t *)packed.p, packed.n, false};
    unsigned versions;

    memset(u, 0, sizeof *u);
    if (take_below(&s, 256) != USAGE_VERSION)
        return false;
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
    return !s.bad && s.n == 0;
}
