#include "core/journal_tally.h"

#include "core/clock.h"

#include <stdlib.h>

enum mechanism { MECHANISM_NONE, MECHANISM_BASIC, MECHANISM_OAUTH };

/* What is counted together: part of an entry's name, behind the mailbox's key. Bytes only, so that it has no gaps. */
struct shape {
    uint8_t passes, reason, monitored, tls, mechanism, has_client;
    struct ip client;
};

struct entry {
    uint32_t name, count; /* name: where it begins in names */
    uint16_t key_n;       /* of its first bytes; a shape follows */
    uint64_t recipients, bytes;
    int64_t first_s, last_s;
};

#define NAME_MAX_BYTES (USAGE_KEY_MAX + sizeof(struct shape))

struct tally {
    struct entry *entries;
    uint8_t *names;
    uint32_t *slots; /* index into entries + 1; 0: empty */
    uint32_t capacity, n, mask, names_n;
    struct hash_secret secret; /* of this process: nobody outside chooses logins that meet in one slot */
};

struct tally *tally_new(uint32_t capacity)
{
    struct tally *t = calloc(1, sizeof *t);
    uint32_t slots = 16;

    if (t == NULL)
        return NULL;
    while (slots / 2 < capacity)
        slots *= 2;
    t->capacity = capacity;
    t->mask = slots - 1;
    t->secret = (struct hash_secret){{clock_wall_ns(), clock_boot_ns() ^ (uint64_t)(uintptr_t)t}};
    t->entries = calloc(capacity, sizeof *t->entries);
    t->names = calloc(capacity, NAME_MAX_BYTES);
    t->slots = calloc(slots, sizeof *t->slots);
    if (t->entries != NULL && t->names != NULL && t->slots != NULL)
        return t;
    tally_free(t);
    return NULL;
}

void tally_free(struct tally *t)
{
    if (t == NULL)
        return;
    free(t->entries);
    free(t->names);
    free(t->slots);
    free(t);
}

uint32_t tally_count(const struct tally *t)
{
    return t->n;
}

void tally_clear(struct tally *t)
{
    if (t->n > 0)
        memset(t->slots, 0, ((size_t)t->mask + 1) * sizeof *t->slots);
    t->n = 0;
    t->names_n = 0;
}

/* ---- one usage ---- */

/* Puts a client where its time belongs, and takes an older time of the same one away. */
static void add_client(struct usage *u, const struct ip *ip, int64_t at_s)
{
    unsigned at = 0, from = 0;

    while (at < USAGE_CLIENTS && u->clients[at].last_s > at_s) {
        if (memcmp(&u->clients[at].ip, ip, sizeof *ip) == 0)
            return;
        at++;
    }
    if (at == USAGE_CLIENTS)
        return;
    for (from = at; from < USAGE_CLIENTS - 1; from++)
        if (u->clients[from].last_s == 0 || memcmp(&u->clients[from].ip, ip, sizeof *ip) == 0)
            break;
    memmove(&u->clients[at + 1], &u->clients[at], (from - at) * sizeof u->clients[0]);
    u->clients[at].ip = *ip;
    u->clients[at].last_s = at_s;
}

void usage_merge(struct usage *into, const struct usage *more)
{
    if (into->first_s == 0 || (more->first_s != 0 && more->first_s < into->first_s))
        into->first_s = more->first_s;
    if (more->last_s > into->last_s)
        into->last_s = more->last_s;
    if (more->last_refused_s > into->last_refused_s)
        into->last_refused_s = more->last_refused_s;
    into->messages += more->messages;
    into->recipients += more->recipients;
    into->bytes += more->bytes;
    into->basic += more->basic;
    into->oauth += more->oauth;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        into->refused[i] += more->refused[i];
        into->would[i] += more->would[i];
    }
    for (unsigned i = 0; i <= TLS_NEWER; i++)
        into->tls[i] += more->tls[i];
    for (unsigned i = 0; i < USAGE_CLIENTS && more->clients[i].last_s > 0; i++)
        add_client(into, &more->clients[i].ip, more->clients[i].last_s);
}

/* ---- adding ---- */

static struct slice name_of(const struct tally *t, const struct entry *entry)
{
    return (struct slice){(const char *)t->names + entry->name, entry->key_n + sizeof(struct shape)};
}

static struct slice key_of(const struct tally *t, const struct entry *entry)
{
    return (struct slice){(const char *)t->names + entry->name, entry->key_n};
}

/* The slot of the name, or the empty one where it belongs. */
static uint32_t *slot_of(const struct tally *t, struct slice name)
{
    uint32_t i = (uint32_t)hash_slice(&t->secret, name) & t->mask;

    while (t->slots[i] != 0 && !slice_eq(name, name_of(t, &t->entries[t->slots[i] - 1])))
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

static struct shape shape_of(const struct journal_record *r)
{
    struct shape shape = {.passes = r->action == ACTION_PASS || r->action == ACTION_HOLD};

    if (!shape.passes) {
        shape.reason = (uint8_t)r->reason;
        return shape;
    }
    shape.monitored = (uint8_t)r->monitored;
    shape.tls = (uint8_t)r->tls;
    if (r->method[0] != '\0')
        shape.mechanism = mechanism_is_basic(slice_of(r->method)) ? MECHANISM_BASIC : MECHANISM_OAUTH;
    shape.has_client = r->has_client;
    if (r->has_client)
        shape.client = r->client;
    return shape;
}

/* There is room for it. */
static struct entry *add_entry(struct tally *t, uint32_t *slot, struct slice name, int64_t at_s)
{
    struct entry *entry = &t->entries[t->n++];

    *entry = (struct entry){
        .name = t->names_n, .key_n = (uint16_t)(name.n - sizeof(struct shape)), .first_s = at_s, .last_s = at_s};
    memcpy(t->names + t->names_n, name.p, name.n);
    t->names_n += (uint32_t)name.n;
    *slot = t->n;
    return entry;
}

bool tally_add(struct tally *t, const struct journal_record *r, uint32_t reserve)
{
    uint8_t name[NAME_MAX_BYTES];
    size_t n = usage_key(slice_of(r->tenant), slice_of(r->mailbox[0] != '\0' ? r->mailbox : r->login), name);
    int64_t at_s = (int64_t)(r->at_ns / NS_PER_S);
    struct shape shape = shape_of(r);
    struct slice whole = {(const char *)name, n + sizeof shape};
    struct entry *entry;
    uint32_t *slot;

    if (n == 0 || !r->counts)
        return true;
    memcpy(name + n, &shape, sizeof shape);
    slot = slot_of(t, whole);
    if (*slot == 0 && t->capacity - t->n <= reserve)
        return false;
    entry = *slot != 0 ? &t->entries[*slot - 1] : add_entry(t, slot, whole, at_s);
    entry->count++;
    entry->recipients += r->recipients;
    entry->bytes += r->size;
    if (at_s < entry->first_s)
        entry->first_s = at_s;
    if (at_s > entry->last_s)
        entry->last_s = at_s;
    return true;
}

/* ---- reading ---- */

static int compare(const void *a, const void *b, void *arg)
{
    struct slice x = key_of(arg, a), y = key_of(arg, b);
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

    return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

void tally_sort(struct tally *t)
{
    qsort_r(t->entries, t->n, sizeof *t->entries, compare, t);
}

static void add_up(struct usage *u, const struct entry *entry, const struct shape *shape)
{
    struct usage more = {0};

    if (!shape->passes) {
        more.refused[shape->reason] = entry->count;
        more.last_refused_s = entry->last_s;
        usage_merge(u, &more);
        return;
    }
    more.first_s = entry->first_s;
    more.last_s = entry->last_s;
    more.messages = entry->count;
    more.recipients = entry->recipients;
    more.bytes = entry->bytes;
    more.basic = shape->mechanism == MECHANISM_BASIC ? entry->count : 0;
    more.oauth = shape->mechanism == MECHANISM_OAUTH ? entry->count : 0;
    more.tls[shape->tls] = entry->count;
    if (shape->monitored != REASON_NOT_OURS)
        more.would[shape->monitored] = entry->count;
    if (shape->has_client) {
        more.clients[0].ip = shape->client;
        more.clients[0].last_s = entry->last_s;
    }
    usage_merge(u, &more);
}

bool tally_next(const struct tally *t, uint32_t *i, struct slice *key, struct usage *usage)
{
    struct shape shape;

    if (*i >= t->n)
        return false;
    memset(usage, 0, sizeof *usage);
    *key = key_of(t, &t->entries[*i]);
    for (; *i < t->n && slice_eq(*key, key_of(t, &t->entries[*i])); ++*i) {
        memcpy(&shape, t->names + t->entries[*i].name + key->n, sizeof shape);
        add_up(usage, &t->entries[*i], &shape);
    }
    return true;
}
