#include "core/state/blocks_table.h"

#include "core/base/clock.h"

#include <string.h>

/* How long a claim on an entry lasts: very long for writing a record, short for a process that waits for room. */
#define CLAIM_NS UINT64_C(1000000000)
/* How often a change is retried when another process changes the same entry. */
#define TRIES_MAX 1000
/* How often a reader copies a record that is being written, before it takes what it got: the texts are for people. */
#define COPIES_MAX 16

/* Places in a record, in words. */
enum {
    AT_VERSION,
    AT_FROM,
    AT_WALL,
    AT_SUBJECT,
    AT_LIMIT = AT_SUBJECT + 16,
    AT_REASON = AT_LIMIT + 5,
    AT_PREFIX = AT_REASON + 9, /* and the class, in the upper half */
    AT_BASE,
    AT_END = AT_BASE + 2
};

_Static_assert(sizeof(((struct block *)0)->subject) == 8ul * (AT_LIMIT - AT_SUBJECT), "subject fits its words");
_Static_assert(sizeof(((struct block *)0)->limit) == 8ul * (AT_REASON - AT_LIMIT), "limit fits its words");
_Static_assert(sizeof(((struct block *)0)->reason) == 8ul * (AT_PREFIX - AT_REASON), "reason fits its words");
_Static_assert(sizeof(struct ip) == 8ul * (AT_END - AT_BASE), "an address fits its words");
_Static_assert(AT_END <= BLOCK_RECORD_WORDS, "a record holds all texts");

/* ---- time: of the caller and of the table ---- */

static uint64_t now_in_table(const struct blocks *b, uint64_t now)
{
    return now + b->ahead_ns;
}

/* `forever` stays; other values saturate instead of wrapping round. */
static uint64_t shifted(uint64_t time, uint64_t ahead)
{
    bool back = ahead > INT64_MAX;
    uint64_t by = back ? 0 - ahead : ahead;

    if (time == BLOCK_FOREVER)
        return time;
    if (back)
        return time > by ? time - by : 0;
    return time < BLOCK_FOREVER - 1 - by ? time + by : BLOCK_FOREVER - 1;
}

/* ---- index ---- */

static uint32_t home_of(const struct blocks *b, uint64_t key)
{
    /* Fibonacci hashing, as for the counters; the upper half of the product is the better mixed one. */
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (b->places - 1);
}

static uint32_t block_place(const struct blocks *b, uint64_t key, uint32_t distance)
{
    return (home_of(b, key) + distance) & (b->places - 1);
}

/* How many places from home a key may be; 0: the index is empty. */
static uint32_t reach_of(const struct blocks *b)
{
    uint64_t reach = __atomic_load_n(&b->head->reach.value, __ATOMIC_ACQUIRE);

    return reach < b->places ? (uint32_t)reach : b->places;
}

/* Both words of the header are only ever changed together with their number of additions. */
static void raise_reach(struct blocks *b, uint64_t to)
{
    union pair seen;

    do {
        seen = pair_read(&b->head->reach);
    } while (!pair_swap(&b->head->reach, seen, pair_of(seen.key + 1, seen.value > to ? seen.value : to)));
}

static void add_bits(union pair *word, uint64_t bits)
{
    union pair seen;

    do {
        seen = pair_read(word);
    } while (!pair_swap(word, seen, pair_of(seen.key + 1, seen.value | bits)));
}

static uint64_t used_of(const struct blocks *b)
{
    return __atomic_load_n(&b->head->used, __ATOMIC_RELAXED);
}

/* Only tells how much room there is. A wrong count hides no block, and the next check corrects it. */
static void count_used(struct blocks *b, int step)
{
    uint64_t old = __atomic_load_n(&b->head->used, __ATOMIC_RELAXED);

    while ((old > 0 || step > 0) && !__atomic_compare_exchange_n(&b->head->used, &old, old + (uint64_t)step, false,
                                                                 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        continue;
}

static void changed(struct blocks *b)
{
    (void)__atomic_fetch_add(&b->head->changes, 1, __ATOMIC_ACQ_REL);
}

/* The first place, from `distance` on in the key's order, that has the key; false when none has. */
static bool block_find_place(const struct blocks *b, uint64_t key, uint32_t *distance, union pair *seen)
{
    uint32_t reach = reach_of(b);

    for (; *distance < reach; ++*distance) {
        const union pair *at = b->index + block_place(b, key, *distance);

        if (__atomic_load_n(&at->key, __ATOMIC_ACQUIRE) != key)
            continue;
        *seen = pair_read(at);
        if (seen->key == key)
            return true;
    }
    return false;
}

/* A claim with an absurdly distant end was not written by postern. */
static bool is_free(union pair seen, uint64_t now)
{
    return seen.value <= now || (seen.key == 0 && seen.value - now > 10 * CLAIM_NS);
}

/* Frees an entry as it was seen; false when it has changed. */
static bool free_entry(struct blocks *b, uint32_t place, union pair seen)
{
    if (!pair_swap(b->index + place, seen, pair_of(0, 0)))
        return false;
    count_used(b, -1);
    changed(b);
    return true;
}

/* ---- sizes of networks ---- */

#define PREFIX_MAX 128

/* Whatever the file contains, the result is a valid size or none, and a class. */
static uint32_t prefix_of(uint64_t word)
{
    return (word & UINT16_MAX) <= PREFIX_MAX ? (uint32_t)(word & UINT16_MAX) : 0;
}

/* Beside the size, in the same word. */
#define DEFERS_BIT (UINT64_C(1) << 16)

static uint32_t class_of(uint64_t word)
{
    return word >> 32 <= BLOCK_OF_STRANGERS ? (uint32_t)(word >> 32) : BLOCK_OF_CLIENT;
}

/* The word and bit of a size. */
static union pair *prefix_word(struct blocks_head *head, uint32_t prefix, uint64_t *bit)
{
    *bit = UINT64_C(1) << (prefix - 1) % 64;
    return &head->prefixes[(prefix - 1) / 64];
}

static void note_prefix(struct blocks *b, uint32_t prefix)
{
    uint64_t bit;
    union pair *word;

    if (prefix_of(prefix) == 0)
        return;
    word = prefix_word(b->head, prefix, &bit);
    add_bits(word, bit);
}

int64_t block_until_wall_s(const struct block *block, uint64_t now_ns, int64_t wall_s)
{
    if (block->until_ns == BLOCK_FOREVER)
        return 0;
    return wall_s + (block->until_ns > now_ns ? (int64_t)((block->until_ns - now_ns) / NS_PER_S)
                                              : -(int64_t)((now_ns - block->until_ns) / NS_PER_S));
}

bool blocks_next_prefix(const struct blocks *b, uint32_t *at, uint32_t *prefix)
{
    while (*at < PREFIX_MAX) {
        uint64_t rest = __atomic_load_n(&b->head->prefixes[*at / 64].value, __ATOMIC_ACQUIRE) >> *at % 64;

        if (rest == 0) {
            *at = (*at | 63) + 1; /* no more in this word */
            continue;
        }
        *at += (uint32_t)__builtin_ctzll(rest) + 1;
        *prefix = *at;
        return true;
    }
    return false;
}

/* ---- records ---- */

static void write_words(uint64_t *to, const void *from, size_t words)
{
    uint64_t word;

    for (size_t i = 0; i < words; i++) {
        memcpy(&word, (const unsigned char *)from + i * 8, 8);
        __atomic_store_n(to + i, word, __ATOMIC_RELAXED);
    }
}

static void read_words(void *to, const uint64_t *from, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        /* Acquire, so that the version is read again after them; TSan doesn't support fences. */
        uint64_t word = __atomic_load_n(from + i, __ATOMIC_ACQUIRE);

        memcpy((unsigned char *)to + i * 8, &word, 8);
    }
}

/* The version is odd while the record is written. If the writer dies, the next one repairs that. */
static void write_record(const struct blocks *b, uint32_t place, const struct block *block)
{
    uint64_t *word = b->records[place].word;
    uint64_t odd = __atomic_load_n(word + AT_VERSION, __ATOMIC_RELAXED) | 1;

    (void)__atomic_exchange_n(word + AT_VERSION, odd, __ATOMIC_ACQ_REL);
    __atomic_store_n(word + AT_FROM, shifted(block->from_ns, b->ahead_ns), __ATOMIC_RELAXED);
    write_words(word + AT_WALL, &block->from_wall_s, 1);
    write_words(word + AT_SUBJECT, block->subject, AT_LIMIT - AT_SUBJECT);
    write_words(word + AT_LIMIT, block->limit, AT_REASON - AT_LIMIT);
    write_words(word + AT_REASON, block->reason, AT_PREFIX - AT_REASON);
    __atomic_store_n(word + AT_PREFIX, (uint64_t)block->class << 32 | (block->defers ? DEFERS_BIT : 0) | block->prefix,
                     __ATOMIC_RELAXED);
    write_words(word + AT_BASE, &block->base, AT_END - AT_BASE);
    __atomic_store_n(word + AT_VERSION, odd + 1, __ATOMIC_RELEASE);
}

/* Whatever the file contains, the text is terminated and printable. */
static void make_printable(char *text, size_t size)
{
    size_t n = 0;

    for (; n < size - 1 && text[n] != '\0'; n++)
        if (text[n] < 0x20 || text[n] > 0x7e)
            text[n] = '?';
    memset(text + n, 0, size - n);
}

/* Finds the class of a version 1 block from the words of its reason. */
static void classify(struct block *block)
{
    struct slice subject = slice_of(block->subject);
    bool client = slice_starts_with(subject, SLICE("client "));
    struct network net;

    block->class = strcmp(block->limit, "operator") == 0 ? BLOCK_BY_OPERATOR
                   : client || block->prefix > 0         ? BLOCK_OF_CLIENT
                                                         : BLOCK_OF_LOGIN;
    memset(&block->base, 0, sizeof block->base);
    if (client)
        (void)ip_parse(slice_of(block->subject + sizeof "client"), &block->base);
    else if (block->prefix > 0 && slice_starts_with(subject, SLICE("network ")) &&
             network_parse(slice_of(block->subject + sizeof "network"), &net, NULL) == 0)
        block->base = net.base;
}

static void read_record(const struct blocks *b, uint32_t place, struct block *out)
{
    const uint64_t *word = b->records[place].word;
    uint64_t before, prefix;

    for (unsigned i = 0; i < COPIES_MAX; i++) {
        before = __atomic_load_n(word + AT_VERSION, __ATOMIC_ACQUIRE);
        out->from_ns = shifted(__atomic_load_n(word + AT_FROM, __ATOMIC_ACQUIRE), 0 - b->ahead_ns);
        read_words(&out->from_wall_s, word + AT_WALL, 1);
        read_words(out->subject, word + AT_SUBJECT, AT_LIMIT - AT_SUBJECT);
        read_words(out->limit, word + AT_LIMIT, AT_REASON - AT_LIMIT);
        read_words(out->reason, word + AT_REASON, AT_PREFIX - AT_REASON);
        prefix = __atomic_load_n(word + AT_PREFIX, __ATOMIC_ACQUIRE);
        out->prefix = prefix_of(prefix);
        out->class = class_of(prefix);
        out->defers = (prefix & DEFERS_BIT) != 0;
        read_words(&out->base, word + AT_BASE, AT_END - AT_BASE);
        if ((before & 1) == 0 && __atomic_load_n(word + AT_VERSION, __ATOMIC_ACQUIRE) == before)
            break;
    }
    make_printable(out->subject, sizeof out->subject);
    make_printable(out->limit, sizeof out->limit);
    make_printable(out->reason, sizeof out->reason);
    if (b->unclassed)
        classify(out);
}

/* ---- the interface ---- */

uint64_t blocks_changes(const struct blocks *b)
{
    return __atomic_load_n(&b->head->changes, __ATOMIC_ACQUIRE);
}

bool blocks_any(const struct blocks *b)
{
    return __atomic_load_n(&b->head->reach.value, __ATOMIC_ACQUIRE) != 0;
}

bool blocks_find(const struct blocks *b, uint64_t key, uint64_t now_ns, uint64_t *until_ns)
{
    uint64_t end = 0;
    union pair seen;

    if (key == 0 || !blocks_any(b))
        return false;
    for (uint32_t distance = 0; block_find_place(b, key, &distance, &seen); distance++)
        if (seen.value > end)
            end = seen.value;
    if (end <= now_in_table(b, now_ns))
        return false;
    *until_ns = shifted(end, 0 - b->ahead_ns);
    return true;
}

bool blocks_find_of(const struct blocks *b, uint64_t key, enum block_class class, uint64_t now_ns, uint64_t *until_ns)
{
    uint64_t now = now_in_table(b, now_ns);
    union pair seen;

    if (key == 0 || !blocks_any(b))
        return false;
    for (uint32_t distance = 0; block_find_place(b, key, &distance, &seen); distance++) {
        struct block block;

        if (seen.value <= now)
            continue;
        read_record(b, block_place(b, key, distance), &block);
        if (block.class != (uint32_t) class)
            continue;
        *until_ns = shifted(seen.value, 0 - b->ahead_ns);
        return true;
    }
    return false;
}

/* Moves the end of a key's entry to `until` if that is later. False when the key has no entry (any more). */
static bool prolong(struct blocks *b, const struct block *block, uint64_t now, uint64_t until)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        uint32_t distance = 0, place;
        union pair seen;

        if (!block_find_place(b, block->key, &distance, &seen))
            return false;
        if (seen.value > now && seen.value >= until)
            return true;
        place = block_place(b, block->key, distance);
        write_record(b, place, block);
        if (pair_swap(b->index + place, seen, pair_of(block->key, until))) {
            changed(b);
            return true;
        }
    }
    return false;
}

/* Claims a free place for a key within `reach` places of home, in *claim; false when there is none. */
static bool claim_place(struct blocks *b, uint64_t key, uint64_t now, uint32_t *distance, union pair *claim)
{
    *claim = pair_of(0, now + CLAIM_NS);
    for (*distance = 0; *distance < b->places; ++*distance) {
        union pair *at = b->index + block_place(b, key, *distance), seen = pair_read(at);

        if (!is_free(seen, now) || !pair_swap(at, seen, *claim))
            continue;
        if (seen.both == 0)
            count_used(b, 1);
        return true;
    }
    return false;
}

/* How many places may be in use when a block of this class is added. */
static uint64_t room_of(const struct blocks *b, uint32_t class)
{
    switch (class) {
    case BLOCK_BY_OPERATOR:
        return b->most;
    case BLOCK_OF_LOGIN:
        return b->most - b->most / 16;
    case BLOCK_OF_CLIENT:
        return b->most - b->most / 4;
    default:
        return b->most / 2;
    }
}

static bool has_room(struct blocks *b, uint32_t class, uint64_t now_ns)
{
    uint64_t room = room_of(b, class);

    if (used_of(b) < room)
        return true;
    if (class > BLOCK_OF_LOGIN)
        return false;
    /*
     * Some may have ended since the last housekeeping. For blocks of clients its next round, within a second, is early
     * enough: they are attempted again and again.
     */
    blocks_sweep(b, now_ns);
    blocks_check_head(b);
    return used_of(b) < room;
}

static int no_room(const struct blocks *b, uint32_t class, struct error *e)
{
    if (class == BLOCK_BY_OPERATOR)
        return error_set(e,
                         "no room for another block: all %u places hold live blocks; lift some, or raise the "
                         "state's number of blocks",
                         b->most);
    return error_set(e,
                     "no room for another block of this kind: %llu of the %u places hold live blocks, and the rest is "
                     "kept for %s; lift some, or raise the state's number of blocks",
                     (unsigned long long)room_of(b, class), b->most,
                     class == BLOCK_OF_LOGIN    ? "operators"
                     : class == BLOCK_OF_CLIENT ? "logins and operators"
                                                : "clients with a login, logins and operators");
}

/* Adds a block wherever there is room. */
static int add_where_room(struct blocks *b, const struct block *block, uint64_t now, struct error *e)
{
    uint64_t until = shifted(block->until_ns, b->ahead_ns);
    uint32_t distance = 0, place;
    union pair claim, seen;

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        if (prolong(b, block, now, until))
            return 0;
        if (!claim_place(b, block->key, now, &distance, &claim))
            return no_room(b, BLOCK_BY_OPERATOR, e);
        place = block_place(b, block->key, distance);
        write_record(b, place, block);
        /* After claiming: now blocks_check_head doesn't lower the reach. */
        raise_reach(b, distance + 1);
        note_prefix(b, block->prefix);
        if (!pair_swap(b->index + place, claim, pair_of(block->key, until)))
            continue;
        changed(b);
        /* Another process may have added the same key at the same time: the entry found first gets the later end. */
        distance = 0;
        if (block_find_place(b, block->key, &distance, &seen) && block_place(b, block->key, distance) != place &&
            prolong(b, block, now, until))
            (void)free_entry(b, place, pair_of(block->key, until));
        return 0;
    }
    return error_set(e, "the block could not be added: others change the same entry all the time");
}

int blocks_add(struct blocks *b, const struct block *block, uint64_t now_ns, struct error *e)
{
    uint64_t now = now_in_table(b, now_ns);

    if (block->key == 0)
        return error_set(e, "a block needs a key other than 0");
    if (prolong(b, block, now, shifted(block->until_ns, b->ahead_ns)))
        return 0;
    if (!has_room(b, block->class, now_ns))
        return no_room(b, block->class, e);
    return add_where_room(b, block, now, e);
}

bool blocks_lift(struct blocks *b, uint64_t key, uint64_t now_ns)
{
    uint64_t now = now_in_table(b, now_ns);
    uint32_t distance = 0;
    bool live = false, freed = false;
    union pair seen;

    while (key != 0 && block_find_place(b, key, &distance, &seen)) {
        if (!free_entry(b, block_place(b, key, distance), seen))
            continue;
        freed = true;
        live = live || seen.value > now;
    }
    if (freed && used_of(b) == 0)
        blocks_check_head(b);
    return live;
}

bool blocks_next(const struct blocks *b, uint32_t *at, uint64_t now_ns, struct block *out)
{
    uint64_t now = now_in_table(b, now_ns);

    if (!blocks_any(b))
        return false;
    for (; *at < b->places; ++*at) {
        union pair seen = pair_read(b->index + *at), first;
        uint32_t distance = 0;

        if (seen.key == 0 || seen.value <= now)
            continue;
        /* Of two entries for a key, only the first counts. */
        if (block_find_place(b, seen.key, &distance, &first) && block_place(b, seen.key, distance) != *at &&
            first.value > now)
            continue;
        read_record(b, *at, out);
        out->key = seen.key;
        out->until_ns = shifted(seen.value, 0 - b->ahead_ns);
        ++*at;
        return true;
    }
    return false;
}

/* ---- many clients of one network ---- */

/* The next live block of a client in the network, from *at on. */
static bool next_inside(const struct blocks *b, const struct network *net, uint32_t class, uint64_t now, uint32_t *at,
                        union pair *seen)
{
    for (; *at < b->places; ++*at) {
        const uint64_t *word = b->records[*at].word;
        uint64_t prefix;
        struct ip base;

        *seen = pair_read(b->index + *at);
        prefix = __atomic_load_n(word + AT_PREFIX, __ATOMIC_ACQUIRE);
        if (seen->key == 0 || seen->value <= now || prefix_of(prefix) != 0 || class_of(prefix) != class)
            continue;
        read_words(&base, word + AT_BASE, AT_END - AT_BASE);
        if (network_contains(net, &base))
            return true;
    }
    return false;
}

uint32_t blocks_inside(const struct blocks *b, const struct network *net, enum block_class class, uint64_t but,
                       uint64_t now_ns, uint64_t *until_ns)
{
    union pair seen;
    uint64_t until = 0;
    uint32_t n = 0;

    for (uint32_t at = 0; next_inside(b, net, class, now_in_table(b, now_ns), &at, &seen); at++) {
        n += seen.key != but;
        until = seen.value > until ? seen.value : until;
    }
    *until_ns = until == 0 ? 0 : shifted(until, 0 - b->ahead_ns);
    return n;
}

void blocks_absorb(struct blocks *b, const struct network *net, enum block_class class, uint64_t until_ns,
                   uint64_t now_ns)
{
    uint64_t until = shifted(until_ns, b->ahead_ns);
    union pair seen;

    for (uint32_t at = 0; next_inside(b, net, class, now_in_table(b, now_ns), &at, &seen); at++)
        if (seen.value <= until)
            (void)free_entry(b, at, seen);
}

/* ---- called by the state ---- */

/* What the header should contain. False while another process adds a block, since that can't be known then. */
static bool need_of(struct blocks *b, struct blocks_head *need)
{
    bool known = true;

    *need = (struct blocks_head){.used = 0};
    for (uint32_t i = 0; i < b->places; i++) {
        union pair seen = pair_read(b->index + i);
        uint32_t distance = (i - home_of(b, seen.key)) & (b->places - 1), prefix;
        uint64_t bit;

        if (seen.both == 0)
            continue;
        need->used++;
        known = known && seen.key != 0;
        if (seen.key == 0)
            continue;
        prefix = prefix_of(__atomic_load_n(b->records[i].word + AT_PREFIX, __ATOMIC_ACQUIRE));
        if (prefix > 0)
            prefix_word(need, prefix, &bit)->value |= bit;
        if (distance >= need->reach.value)
            need->reach.value = distance + 1;
    }
    return known;
}

void blocks_check_head(struct blocks *b)
{
    struct blocks_head *head = b->head, need;
    union pair reach = pair_read(&head->reach);
    union pair prefixes[2] = {pair_read(head->prefixes), pair_read(head->prefixes + 1)};
    bool known = need_of(b, &need);

    if (need.reach.value > reach.value)
        raise_reach(b, need.reach.value);
    else if (known && need.reach.value < reach.value)
        (void)pair_swap(&head->reach, reach, pair_of(reach.key, need.reach.value));
    for (size_t i = 0; i < 2; i++) {
        uint64_t needed = need.prefixes[i].value;

        if ((needed & ~prefixes[i].value) != 0)
            add_bits(head->prefixes + i, needed);
        else if (known && needed != prefixes[i].value)
            (void)pair_swap(head->prefixes + i, prefixes[i], pair_of(prefixes[i].key, needed));
    }
    __atomic_store_n(&head->used, need.used, __ATOMIC_RELEASE);
}

void blocks_sweep(struct blocks *b, uint64_t now_ns)
{
    uint64_t now = now_in_table(b, now_ns);

    if (!blocks_any(b) && used_of(b) == 0)
        return;
    for (uint32_t i = 0; i < b->places; i++) {
        union pair seen = pair_read(b->index + i);

        if (seen.both != 0 && is_free(seen, now))
            (void)free_entry(b, i, seen);
    }
}

uint32_t blocks_count(const struct blocks *b, uint64_t now_ns)
{
    uint64_t now = now_in_table(b, now_ns);
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->places; i++) {
        union pair seen = pair_read(b->index + i);

        n += seen.key != 0 && seen.value > now;
    }
    return n;
}

static bool take_over(struct blocks *to, const struct block *block, uint64_t now)
{
    return prolong(to, block, now, shifted(block->until_ns, to->ahead_ns)) ||
           (used_of(to) < to->most && add_where_room(to, block, now, NULL) == 0);
}

uint32_t blocks_take_over(struct blocks *to, const struct blocks *from, uint64_t now_ns)
{
    struct block block;
    uint32_t lost = 0;

    for (uint32_t at = 0; blocks_next(from, &at, now_ns, &block);)
        lost += !take_over(to, &block, now_in_table(to, now_ns));
    return lost;
}

void blocks_clear(struct blocks *b)
{
    memset(b->index, 0, b->places * sizeof *b->index);
    memset(b->head, 0, sizeof *b->head);
}
