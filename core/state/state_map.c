#include "core/state/state_map.h"

#include "core/state/state_guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ENDIAN_MARK UINT32_C(0x01020304)

_Static_assert(sizeof(struct state_header) <= STATE_HEADER_BYTES, "the header fits its page");

static uint64_t power_of_two(uint64_t n, uint64_t least, uint64_t most)
{
    uint64_t p = least;

    while (p < n && p < most)
        p *= 2;
    return p;
}

/* Lays out the blocks' index and records from index_at on, the receipts, the habits, and the end. */
static void lay_blocks(struct layout *l)
{
    l->records_at = l->index_at + l->places * sizeof(union pair);
    l->receipts_at = (l->records_at + l->places * sizeof(struct block_record) + 4095) & ~UINT64_C(4095);
    l->habits_at = l->receipts_at + RECEIPTS_BYTES;
    l->bytes = l->habits_at + habits_bytes(l->logins);
}

struct layout layout_of(uint64_t entries, uint64_t blocks)
{
    struct layout l = {.version = STATE_VERSION};

    entries = entries != 0 ? entries : STATE_ENTRIES_DEFAULT;
    blocks = blocks != 0 ? blocks : STATE_BLOCKS_DEFAULT;
    l.entries = power_of_two(entries, COUNTERS_ENTRIES_MIN, STATE_ENTRIES_MAX);
    l.blocks = (uint32_t)power_of_two(blocks, STATE_BLOCKS_MIN, STATE_BLOCKS_MAX);
    l.places = BLOCKS_PLACES_EACH * l.blocks;
    l.logins = l.entries / STATE_ENTRIES_A_LOGIN > HABITS_MIN ? l.entries / STATE_ENTRIES_A_LOGIN : HABITS_MIN;
    l.rest_at = STATE_HEADER_BYTES + l.entries * sizeof(union pair);
    l.index_at = l.rest_at + COUNTERS_REST_PAIRS * sizeof(union pair);
    lay_blocks(&l);
    return l;
}

struct layout layout_of_file(const struct state_constants *k)
{
    struct layout l = layout_of(k->entries, k->blocks);

    if (k->version == STATE_VERSION_WITHOUT_HABITS) {
        l.version = k->version;
        l.bytes = l.habits_at;
        l.habits_at = 0;
    }
    if (k->version == STATE_VERSION_FIRST) {
        l.version = k->version;
        l.places = l.blocks;
        l.index_at = l.rest_at + COUNTERS_ONCE_ENTRIES * sizeof(union pair);
        l.rest_at = 0;
        lay_blocks(&l);
        l.bytes = l.receipts_at;
        l.receipts_at = 0;
        l.habits_at = 0;
    }
    return l;
}

static uint64_t check_of(const struct state_constants *k)
{
    static const struct hash_secret fixed = {{UINT64_C(0x706f737465726e00), UINT64_C(0x7374617465000000)}};

    return hash_bytes(&fixed, k, offsetof(struct state_constants, check));
}

struct state_constants constants_make(const struct layout *l, const struct hash_secret *secret)
{
    struct state_constants k = {.version = l->version, .endian = ENDIAN_MARK, .bytes = l->bytes};

    memcpy(k.magic, STATE_MAGIC, sizeof k.magic);
    k.entries = l->entries;
    k.blocks = l->blocks;
    k.secret = *secret;
    k.check = check_of(&k);
    return k;
}

enum constants_found constants_check(const struct state_constants *k, uint64_t bytes, struct error *e)
{
    struct layout l;

    if (memcmp(k->magic, STATE_MAGIC, sizeof k->magic) != 0)
        (void)error_set(e, "it does not begin like a state file");
    else if (k->endian != ENDIAN_MARK)
        (void)error_set(e, "it was written by a machine with another byte order");
    else if (k->version > STATE_VERSION) {
        (void)error_set(e,
                        "its format is version %u, this program knows up to %d: it is left alone; run the newer "
                        "postern, or move the file away",
                        k->version, STATE_VERSION);
        return CONSTANTS_NEWER;
    } else if (k->check != check_of(k))
        (void)error_set(e, "its header is damaged (wrong checksum)");
    else if (l = layout_of_file(k),
             k->version != l.version || l.entries != k->entries || l.blocks != k->blocks || l.bytes != k->bytes)
        (void)error_set(e, "its header names impossible sizes");
    else if (bytes != k->bytes)
        (void)error_set(e, "it has %llu bytes instead of %llu", (unsigned long long)bytes,
                        (unsigned long long)k->bytes);
    else
        return CONSTANTS_GOOD;
    return CONSTANTS_DAMAGED;
}

static void place_tables(struct mapping *m)
{
    struct state_header *h = mapping_header(m);
    bool before = m->layout.version == STATE_VERSION_FIRST;

    m->counters = counters_over(m->base + STATE_HEADER_BYTES, m->layout.entries,
                                m->layout.rest_at != 0 ? m->base + m->layout.rest_at : NULL, &h->met);
    m->blocks = (struct blocks){.head = before ? &m->head : &h->blocks,
                                .index = (union pair *)(void *)(m->base + m->layout.index_at),
                                .records = (struct block_record *)(void *)(m->base + m->layout.records_at),
                                .places = m->layout.places,
                                .most = m->layout.blocks,
                                .unclassed = before};
    if (m->layout.receipts_at != 0)
        m->receipts.slots = (struct receipt_slot *)(void *)(m->base + m->layout.receipts_at);
    if (m->layout.habits_at != 0)
        m->habits = habits_over(m->base + m->layout.habits_at, m->layout.logins, &h->habits);
}

static struct mapping *map(int fd, int protection, int flags, const struct layout *l, const struct hash_secret *secret,
                           struct error *e)
{
    struct mapping *m = calloc(1, sizeof *m);
    struct stat st;
    void *base;

    if (m == NULL) {
        (void)error_set(e, "no memory for the state");
        return NULL;
    }
    base = l->bytes <= SIZE_MAX ? mmap(NULL, (size_t)l->bytes, protection, flags, fd, 0) : MAP_FAILED;
    if (base == MAP_FAILED || (fd >= 0 && fstat(fd, &st) != 0)) {
        (void)error_set(e, "cannot map %llu bytes for the state: %s", (unsigned long long)l->bytes, strerror(errno));
        if (base != MAP_FAILED)
            (void)munmap(base, (size_t)l->bytes);
        free(m);
        return NULL;
    }
    m->base = base;
    m->layout = *l;
    m->fd = fd;
    m->dev = fd >= 0 ? st.st_dev : 0;
    m->ino = fd >= 0 ? st.st_ino : 0;
    m->secret = *secret;
    m->guard = fd >= 0 ? guard_watch(m->base, (size_t)l->bytes, fd) : -1;
    place_tables(m);
    return m;
}

struct mapping *mapping_make(int fd, const struct layout *l, const struct hash_secret *secret, struct error *e)
{
    return map(fd, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE, l, secret,
               e);
}

struct mapping *mapping_look(int fd, const struct layout *l, const struct hash_secret *secret, struct error *e)
{
    return map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, l, secret, e);
}

struct mapping *mapping_read(int fd, const struct layout *l, const struct hash_secret *secret, struct error *e)
{
    return map(fd, PROT_READ, MAP_SHARED, l, secret, e);
}

void mapping_free(struct mapping *m)
{
    if (m == NULL)
        return;
    guard_forget(m->guard);
    (void)munmap(m->base, (size_t)m->layout.bytes);
    if (m->fd >= 0)
        (void)close(m->fd);
    free(m);
}

void mapping_follow(struct mapping *m, uint64_t offset_ns)
{
    m->counters.ahead_ns = m->offset_ns - offset_ns;
    m->blocks.ahead_ns = m->counters.ahead_ns;
    m->receipts.ahead_ns = m->counters.ahead_ns;
    m->habits.ahead_ns = m->counters.ahead_ns;
}

uint32_t mapping_take_over(struct mapping *to, const struct mapping *from, uint64_t now_ns)
{
    counters_take_over(&to->counters, &from->counters, now_ns);
    habits_take_over(&to->habits, &from->habits);
    return blocks_take_over(&to->blocks, &from->blocks, now_ns);
}

void mapping_hollow(struct mapping *m)
{
    if (m->hollow || mmap(m->base, (size_t)m->layout.bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
        return;
    guard_forget(m->guard);
    m->guard = -1;
    if (m->fd >= 0)
        (void)close(m->fd);
    m->fd = -1;
    m->hollow = true;
}
