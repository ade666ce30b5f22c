#include "core/journal/usage_row.h"

#include "core/journal/journal_parts.h"
#include "core/journal/usage_clients.h"

#define VARINT_MAX 10u
#define REASONS_MAX 255u
#define V4_BYTES 4u
#define V4_AT 12u /* in an address, behind the prefix of those that are IPv4 */

/* ---- writing ---- */

struct writing {
    unsigned char *p;
    size_t n, cap;
    bool full;
};

static void put_bytes(struct writing *w, const void *p, size_t n)
{
    if (w->full || n > w->cap - w->n) {
        w->full = true;
        return;
    }
    if (n > 0)
        memcpy(w->p + w->n, p, n);
    w->n += n;
}

static void put_byte(struct writing *w, size_t v)
{
    const unsigned char byte = (unsigned char)v;

    put_bytes(w, &byte, 1);
}

static void put_varint(struct writing *w, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        put_byte(w, (v & 0x7f) | 0x80);
    put_byte(w, v);
}

static void put_text(struct writing *w, struct slice text)
{
    put_byte(w, text.n);
    put_bytes(w, text.p, text.n);
}

static void put_reasons(struct writing *w, const uint64_t *counts)
{
    size_t n = 0;

    for (unsigned i = 0; i < REASON_COUNT; i++)
        n += counts[i] > 0;
    put_byte(w, n);
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (counts[i] > 0) {
            put_text(w, slice_of(reason_row((enum reason)i)->name));
            put_varint(w, counts[i]);
        }
}

static bool is_v4(const struct ip *ip)
{
    static const uint8_t prefix[V4_AT] = {[10] = 0xff, [11] = 0xff};

    return memcmp(ip->b, prefix, sizeof prefix) == 0;
}

static void put_clients(struct writing *w, const struct usage_client clients[USAGE_CLIENTS])
{
    size_t n = 0;

    while (n < USAGE_CLIENTS && clients[n].last_s > 0)
        n++;
    put_byte(w, n);
    for (size_t i = 0; i < n; i++) {
        bool v4 = is_v4(&clients[i].ip);

        put_byte(w, v4 ? V4_BYTES : sizeof clients[i].ip.b);
        put_bytes(w, clients[i].ip.b + (v4 ? V4_AT : 0), v4 ? V4_BYTES : sizeof clients[i].ip.b);
        put_varint(w, (uint64_t)clients[i].last_s);
    }
}

/* Tenant and mailbox as they stand in the journal; without NUL, since the two are one name there. */
static bool are_names(struct slice tenant, struct slice mailbox)
{
    return tenant.n < sizeof((struct journal_record *)0)->tenant && mailbox.n > 0 &&
           mailbox.n < sizeof((struct journal_record *)0)->mailbox &&
           (tenant.n == 0 || memchr(tenant.p, '\0', tenant.n) == NULL) && memchr(mailbox.p, '\0', mailbox.n) == NULL;
}

_Static_assert(REASON_COUNT <= REASONS_MAX, "how many there are is a byte");

size_t usage_row_pack(struct slice tenant, struct slice mailbox, const struct usage *usage, unsigned char *out,
                      size_t cap)
{
    struct writing w = {.p = out, .cap = cap < USAGE_ROW_MAX ? cap : USAGE_ROW_MAX};
    uint64_t numbers[USAGE_NUMBERS];

    if (!are_names(tenant, mailbox))
        return 0;
    put_byte(&w, 0);
    put_byte(&w, 0);
    put_text(&w, tenant);
    put_text(&w, mailbox);
    usage_numbers_get(usage, numbers);
    put_byte(&w, USAGE_NUMBERS);
    for (int i = 0; i < USAGE_NUMBERS; i++)
        put_varint(&w, numbers[i]);
    put_reasons(&w, usage->refused);
    put_reasons(&w, usage->would);
    put_clients(&w, usage->clients);
    if (w.full)
        return 0;
    out[0] = (unsigned char)((w.n - 2) >> 8);
    out[1] = (unsigned char)((w.n - 2) & 0xff);
    return w.n;
}

/* ---- reading ---- */

static bool take_bytes(struct slice *rest, size_t n, struct slice *out)
{
    if (n > rest->n)
        return false;
    *out = (struct slice){rest->p, n};
    *rest = (struct slice){rest->p + n, rest->n - n};
    return true;
}

static bool take_byte(struct slice *rest, size_t *v)
{
    struct slice byte;

    if (!take_bytes(rest, 1, &byte))
        return false;
    *v = (unsigned char)byte.p[0];
    return true;
}

/* At most INT64_MAX, which is SQLite's largest, too. */
static bool take_varint(struct slice *rest, uint64_t *v)
{
    size_t byte = 0x80;

    *v = 0;
    for (unsigned i = 0; (byte & 0x80) != 0; i++) {
        if (i == VARINT_MAX - 1 || !take_byte(rest, &byte))
            return false;
        *v |= (uint64_t)(byte & 0x7f) << 7 * i;
    }
    return true;
}

static bool take_text(struct slice *rest, struct slice *text)
{
    size_t n;

    return take_byte(rest, &n) && take_bytes(rest, n, text);
}

static bool take_numbers(struct slice *rest, struct usage *usage)
{
    uint64_t numbers[USAGE_NUMBERS] = {0}, other;
    size_t n;

    if (!take_byte(rest, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!take_varint(rest, i < USAGE_NUMBERS ? &numbers[i] : &other))
            return false;
    usage_numbers_set(usage, numbers);
    return true;
}

static bool take_reasons(struct slice *rest, uint64_t *counts)
{
    size_t n;

    if (!take_byte(rest, &n))
        return false;
    for (; n > 0; n--) {
        enum reason reason;
        struct slice name;
        uint64_t count;

        if (!take_text(rest, &name) || !take_varint(rest, &count))
            return false;
        if (reason_find(name, &reason)) /* else another version's */
            counts[reason] = count;
    }
    return true;
}

static bool take_client(struct slice *rest, struct usage_client *client)
{
    struct slice address;
    uint64_t last_s;
    size_t size;

    if (!take_byte(rest, &size) || (size != V4_BYTES && size != sizeof client->ip.b) ||
        !take_bytes(rest, size, &address) || !take_varint(rest, &last_s))
        return false;
    client->ip = (struct ip){.b = {[10] = 0xff, [11] = 0xff}};
    memcpy(client->ip.b + sizeof client->ip.b - size, address.p, size);
    client->last_s = (int64_t)last_s;
    return true;
}

static bool take_clients(struct slice *rest, struct usage_client clients[USAGE_CLIENTS])
{
    struct usage_client taken[USAGE_CLIENTS], other;
    size_t n;

    if (!take_byte(rest, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!take_client(rest, i < USAGE_CLIENTS ? &taken[i] : &other))
            return false;
    /* The last first: of two of one second the later one comes to stand in front. */
    for (size_t i = n < USAGE_CLIENTS ? n : USAGE_CLIENTS; i-- > 0;)
        if (taken[i].last_s > 0)
            clients_add(clients, &taken[i].ip, taken[i].last_s);
    return true;
}

bool usage_row_take(struct slice *rest, struct slice *tenant, struct slice *mailbox, struct usage *usage)
{
    struct slice row;
    size_t high, low;

    memset(usage, 0, sizeof *usage);
    return take_byte(rest, &high) && take_byte(rest, &low) && take_bytes(rest, high << 8 | low, &row) &&
           take_text(&row, tenant) && take_text(&row, mailbox) && are_names(*tenant, *mailbox) &&
           take_numbers(&row, usage) && take_reasons(&row, usage->refused) && take_reasons(&row, usage->would) &&
           take_clients(&row, usage->clients);
}

/* ---- adding up ---- */

/* INT64_MAX at most: so much cannot be counted, but can be told. */
static uint64_t sum_of(uint64_t a, uint64_t b)
{
    return a < INT64_MAX - b ? a + b : INT64_MAX;
}

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void usage_add(struct usage *sum, const struct usage *more)
{
    if (sum->first_s == 0 || (more->first_s != 0 && more->first_s < sum->first_s))
        sum->first_s = more->first_s;
    sum->last_s = later_of(sum->last_s, more->last_s);
    sum->last_refused_s = later_of(sum->last_refused_s, more->last_refused_s);
    sum->messages = sum_of(sum->messages, more->messages);
    sum->recipients = sum_of(sum->recipients, more->recipients);
    sum->bytes = sum_of(sum->bytes, more->bytes);
    sum->basic = sum_of(sum->basic, more->basic);
    sum->oauth = sum_of(sum->oauth, more->oauth);
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        sum->refused[i] = sum_of(sum->refused[i], more->refused[i]);
        sum->would[i] = sum_of(sum->would[i], more->would[i]);
    }
    for (unsigned i = 0; i <= TLS_NEWER; i++)
        sum->tls[i] = sum_of(sum->tls[i], more->tls[i]);
    for (unsigned i = USAGE_CLIENTS; i-- > 0;)
        if (more->clients[i].last_s > 0)
            clients_add(sum->clients, &more->clients[i].ip, more->clients[i].last_s);
}
