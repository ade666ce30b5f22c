#include "core/journal/journal_tally.h"

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/journal/usage_clients.h"

#include <stdlib.h>

enum mechanism { MECHANISM_NONE /* or neither of the two */, MECHANISM_BASIC, MECHANISM_OAUTH };

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

#define NAME_MAX_BYTES (USAGE_NAME_MAX + sizeof(struct shape))

struct tally {
    struct entry *entries;
    char *names;
    uint32_t *order; /* indexes into entries, sorted */
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
    t->order = calloc(capacity, sizeof *t->order);
    if (t->entries != NULL && t->order != NULL && t->names != NULL && t->slots != NULL)
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
    free(t->order);
    free(t);
}

uint32_t tally_count(const struct tally *t)
{
    return t->n;
}

uint32_t tally_room(const struct tally *t)
{
    return t->capacity - t->n;
}

void tally_clear(struct tally *t)
{
    if (t->n > 0)
        memset(t->slots, 0, ((size_t)t->mask + 1) * sizeof *t->slots);
    t->n = 0;
    t->names_n = 0;
}

/* ---- adding ---- */

static struct slice name_of(const struct tally *t, const struct entry *entry)
{
    return (struct slice){t->names + entry->name, entry->key_n + sizeof(struct shape)};
}

/* The slot of the name, or the empty one where it belongs. */
static uint32_t *slot_of(const struct tally *t, struct slice name)
{
    uint32_t i = (uint32_t)hash_slice(&t->secret, name) & t->mask;

    while (t->slots[i] != 0 && !slice_eq(name, name_of(t, &t->entries[t->slots[i] - 1])))
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

static struct shape shape_of(const struct journal_event *v)
{
    static const uint8_t of_proof[] = {
        [PROOF_PASSWORD] = MECHANISM_BASIC, [PROOF_TOKEN] = MECHANISM_OAUTH, [PROOF_OTHER] = MECHANISM_NONE};
    struct shape shape = {.passes = v->action == ACTION_PASS || v->action == ACTION_HOLD};

    if (!shape.passes) {
        shape.reason = (uint8_t)v->reason;
        return shape;
    }
    shape.monitored = (uint8_t)v->monitored;
    shape.tls = (uint8_t)v->tls;
    if (v->method.n > 0)
        shape.mechanism = of_proof[mechanism_proof(v->method)];
    shape.has_client = v->has_client;
    if (v->has_client)
        shape.client = v->client;
    return shape;
}

/* There is room for it. */
static struct entry *add_entry(struct tally *t, uint32_t *slot, struct slice name)
{
    struct entry *entry = &t->entries[t->n++];

    *entry = (struct entry){.name = t->names_n, .key_n = (uint16_t)(name.n - sizeof(struct shape))};
    memcpy(t->names + t->names_n, name.p, name.n);
    t->names_n += (uint32_t)name.n;
    *slot = t->n;
    return entry;
}

/* The entry of that name, new where there is none; NULL: there is no room. */
static struct entry *find(struct tally *t, struct slice name)
{
    uint32_t *slot = slot_of(t, name);

    if (*slot != 0)
        return &t->entries[*slot - 1];
    return t->entries != NULL && t->n < t->capacity ? add_entry(t, slot, name) : NULL;
}

static void add_to_entry(struct entry *entry, const struct entry *more)
{
    if (entry->count == 0) {
        entry->first_s = more->first_s;
        entry->last_s = more->last_s;
    }
    entry->count += more->count;
    entry->recipients += more->recipients;
    entry->bytes += more->bytes;
    if (more->first_s < entry->first_s)
        entry->first_s = more->first_s;
    if (more->last_s > entry->last_s)
        entry->last_s = more->last_s;
}

size_t usage_name(struct slice tenant, struct slice mailbox, char *out)
{
    size_t n = tenant.n + 1 + mailbox.n;

    if (n > USAGE_NAME_MAX || mailbox.n == 0 || (tenant.n > 0 && memchr(tenant.p, '\0', tenant.n) != NULL))
        return 0;
    if (tenant.n > 0)
        memcpy(out, tenant.p, tenant.n);
    out[tenant.n] = '\0';
    for (size_t i = 0; i < mailbox.n; i++)
        out[tenant.n + 1 + i] = ascii_lower(mailbox.p[i]);
    return n;
}

bool tally_add(struct tally *t, const struct journal_event *v)
{
    char name[NAME_MAX_BYTES];
    int64_t at_s = (int64_t)(v->at_ns / NS_PER_S);
    struct shape shape;
    struct entry *entry;
    struct slice mailbox;
    size_t n;

    mailbox = v->mailbox.n > 0 ? v->mailbox : v->login;
    if (!v->counts || mailbox.n == 0)
        return true;
    mailbox.n = strnlen(mailbox.p, mailbox.n);
    if ((n = usage_name(v->tenant, mailbox, name)) == 0)
        return true;
    shape = shape_of(v);
    memcpy(name + n, &shape, sizeof shape);
    entry = find(t, (struct slice){name, n + sizeof shape});
    if (entry == NULL)
        return false;
    add_to_entry(
        entry,
        &(struct entry){
            .count = v->messages, .recipients = v->recipients, .bytes = v->size, .first_s = at_s, .last_s = at_s});
    return true;
}

void tally_merge(struct tally *into, const struct tally *from)
{
    for (uint32_t i = 0; i < from->n; i++) {
        const struct entry *more = &from->entries[i];
        struct entry *entry = find(into, name_of(from, more));

        if (entry != NULL)
            add_to_entry(entry, more);
    }
}

/* ---- entries ---- */

static void add_up(struct usage *u, const struct entry *entry, const struct shape *shape)
{
    if (!shape->passes) {
        u->refused[shape->reason] += entry->count;
        if (entry->last_s > u->last_refused_s)
            u->last_refused_s = entry->last_s;
        return;
    }
    if (u->first_s == 0 || (entry->first_s != 0 && entry->first_s < u->first_s))
        u->first_s = entry->first_s;
    if (entry->last_s > u->last_s)
        u->last_s = entry->last_s;
    u->messages += entry->count;
    u->recipients += entry->recipients;
    u->bytes += entry->bytes;
    u->basic += shape->mechanism == MECHANISM_BASIC ? entry->count : 0;
    u->oauth += shape->mechanism == MECHANISM_OAUTH ? entry->count : 0;
    u->tls[shape->tls] += entry->count;
    if (shape->monitored != REASON_NOT_OURS)
        u->would[shape->monitored] += entry->count;
    if (shape->has_client && entry->last_s > 0)
        clients_add(u->clients, &shape->client, entry->last_s);
}

static struct slice key_at(const struct tally *t, uint32_t i)
{
    const struct entry *entry = &t->entries[t->order[i]];

    return (struct slice){t->names + entry->name, entry->key_n};
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct tally *t = arg;
    const struct entry *x = &t->entries[*(const uint32_t *)a], *y = &t->entries[*(const uint32_t *)b];
    int order = memcmp(t->names + x->name, t->names + y->name, x->key_n < y->key_n ? x->key_n : y->key_n);

    return order != 0 ? order : (x->key_n > y->key_n) - (x->key_n < y->key_n);
}

void tally_sort(struct tally *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        t->order[i] = i;
    if (t->n > 1)
        qsort_r(t->order, t->n, sizeof *t->order, compare, t);
}

void tally_whose(const struct tally *t, uint32_t i, struct slice *tenant, struct slice *mailbox)
{
    (void)slice_cut(key_at(t, i), '\0', tenant, mailbox);
}

uint32_t tally_add_to(const struct tally *t, uint32_t i, struct usage *usage)
{
    struct slice key = key_at(t, i);
    struct shape shape;

    do {
        const struct entry *entry = &t->entries[t->order[i]];

        memcpy(&shape, t->names + entry->name + key.n, sizeof shape);
        add_up(usage, entry, &shape);
    } while (++i < t->n && slice_eq(key, key_at(t, i)));
    return i;
}
