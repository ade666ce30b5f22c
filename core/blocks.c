#include "core/blocks_table.h"

#include <string.h>

/* A claim on an entry lasts so long: ages for writing a record, nothing for whoever waits for room. */
#define CLAIM_NS UINT64_C(1000000000)
/* Changes that met somebody else's change of the same entry are tried again so often. */
#define TRIES_MAX 1000
/* A reader copies a record that is being written again so often, then takes what it got: the texts are for people. */
#define COPIES_MAX 16

/* Places in a record, in words. */
enum {
    AT_VERSION,
    AT_FROM,
    AT_WALL,
    AT_SUBJECT,
    AT_LIMIT = AT_SUBJECT + 16,
    AT_REASON = AT_LIMIT + 5,
    AT_PREFIX = AT_REASON + 9,
    AT_END
};

_Static_assert(sizeof(((struct block *)0)->subject) == 8ul * (AT_LIMIT - AT_SUBJECT), "subject fits its words");
_Static_assert(sizeof(((struct block *)0)->limit) == 8ul * (AT_REASON - AT_LIMIT), "limit fits its words");
_Static_assert(sizeof(((struct block *)0)->reason) == 8ul * (AT_PREFIX - AT_REASON), "reason fits its words");
_Static_assert(AT_END <= BLOCK_RECORD_WORDS, "a record holds all texts");

/* ---- time: the caller's and the table's ---- */

static uint64_t now_in_table(const struct blocks *b, uint64_t now)
{
    return now + b->ahead_ns;
}

/* `forever` stays forever; what does not fit ends at the edge instead of wrapping round. */
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
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (b->slots - 1);
}

static uint32_t place_of(const struct blocks *b, uint64_t key, uint32_t distance)
{
    return (home_of(b, key) + distance) & (b->slots - 1);
}

static uint32_t reach_of(const struct blocks *b)
{
    uint64_t reach = __atomic_load_n(&b->head->reach, __ATOMIC_ACQUIRE);

    return reach < b->slots ? (uint32_t)reach : b->slots - 1;
}

static void raise_to(uint64_t *word, uint64_t to)
{
    uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    while (old < to && !__atomic_compare_exchange_n(word, &old, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        continue;
}

/* A damaged count must not wrap round to 0, which would hide all blocks: out of bounds it stays where it is. */
static void count(struct blocks *b, int step)
{
    uint64_t old = __atomic_load_n(&b->head->used, __ATOMIC_RELAXED);

    while (old <= UINT32_MAX && (old > 0 || step > 0) &&
           !__atomic_compare_exchange_n(&b->head->used, &old, old + (uint64_t)step, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
        continue;
}

static void changed(struct blocks *b)
{
    (void)__atomic_fetch_add(&b->head->changes, 1, __ATOMIC_ACQ_REL);
}

/* The first place from `distance` on, in the key's order, where the key stands; false when there is none. */
static bool find_place(const struct blocks *b, uint64_t key, uint32_t *distance, union pair *seen)
{
    uint32_t reach = reach_of(b);

    for (; *distance <= reach; ++*distance) {
        const union pair *at = b->index + place_of(b, key, *distance);

        if (__atomic_load_n(&at->key, __ATOMIC_ACQUIRE) != key)
            continue;
        *seen = pair_read(at);
        if (seen->key == key)
            return true;
    }
    return false;
}

/* A claim that lasts absurdly long was not written by us. */
static bool is_free(union pair seen, uint64_t now)
{
    return seen.value <= now || (seen.key == 0 && seen.value - now > 10 * CLAIM_NS);
}

/* Frees an entry that was seen; false when it has changed. */
static bool free_entry(struct blocks *b, uint32_t place, union pair seen)
{
    if (!pair_swap(b->index + place, seen, pair_of(0, 0)))
        return false;
    count(b, -1);
    changed(b);
    return true;
}

/* ---- sizes of networks ---- */

#define PREFIX_MAX 128

/* Whatever the file holds, it is a size or none. */
static uint32_t prefix_of(uint64_t word)
{
    return word <= PREFIX_MAX ? (uint32_t)word : 0;
}

static void note_prefix(struct blocks *b, uint32_t prefix)
{
    uint64_t *word = &b->head->prefixes[prefix / 64], bit = UINT64_C(1) << prefix % 64;

    if (prefix > 0 && prefix <= PREFIX_MAX && (__atomic_load_n(word, __ATOMIC_ACQUIRE) & bit) == 0)
        (void)__atomic_fetch_or(word, bit, __ATOMIC_ACQ_REL);
}

bool blocks_next_prefix(const struct blocks *b, uint32_t *at, uint32_t *prefix)
{
    while (*at < PREFIX_MAX) {
        uint32_t one = ++*at;
        uint64_t rest = __atomic_load_n(&b->head->prefixes[one / 64], __ATOMIC_ACQUIRE) >> one % 64;

        if (rest == 0) {
            *at = one | 63; /* nothing more in this word */
            continue;
        }
        *at = one + (uint32_t)__builtin_ctzll(rest);
        *prefix = *at;
        return *at <= PREFIX_MAX;
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
        /* Acquiring, so that the version is read again behind them; TSan knows no fences. */
        uint64_t word = __atomic_load_n(from + i, __ATOMIC_ACQUIRE);

        memcpy((unsigned char *)to + i * 8, &word, 8);
    }
}

/* The version is odd while the record is written; a writer that died there is healed by the next one. */
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
    __atomic_store_n(word + AT_PREFIX, block->prefix, __ATOMIC_RELAXED);
    __atomic_store_n(word + AT_VERSION, odd + 1, __ATOMIC_RELEASE);
}

/* Whatever the file holds, the text ends and can be shown. */
static void make_printable(char *text, size_t size)
{
    size_t n = 0;

    for (; n < size - 1 && text[n] != '\0'; n++)
        if (text[n] < 0x20 || text[n] > 0x7e)
            text[n] = '?';
    memset(text + n, 0, size - n);
}

static void read_record(const struct blocks *b, uint32_t place, struct block *out)
{
    const uint64_t *word = b->records[place].word;
    uint64_t before;

    for (unsigned i = 0; i < COPIES_MAX; i++) {
        before = __atomic_load_n(word + AT_VERSION, __ATOMIC_ACQUIRE);
        out->from_ns = shifted(__atomic_load_n(word + AT_FROM, __ATOMIC_ACQUIRE), 0 - b->ahead_ns);
        read_words(&out->from_wall_s, word + AT_WALL, 1);
        read_words(out->subject, word + AT_SUBJECT, AT_LIMIT - AT_SUBJECT);
        read_words(out->limit, word + AT_LIMIT, AT_REASON - AT_LIMIT);
        read_words(out->reason, word + AT_REASON, AT_PREFIX - AT_REASON);
        out->prefix = prefix_of(__atomic_load_n(word + AT_PREFIX, __ATOMIC_ACQUIRE));
        if ((before & 1) == 0 && __atomic_load_n(word + AT_VERSION, __ATOMIC_ACQUIRE) == before)
            break;
    }
    make_printable(out->subject, sizeof out->subject);
    make_printable(out->limit, sizeof out->limit);
    make_printable(out->reason, sizeof out->reason);
}

/* ---- the interface ---- */

bool blocks_any(const struct blocks *b)
{
    return __atomic_load_n(&b->head->used, __ATOMIC_ACQUIRE) != 0;
}

bool blocks_find(const struct blocks *b, uint64_t key, uint64_t now_ns, uint64_t *until_ns)
{
    uint64_t end = 0;
    union pair seen;

    if (key == 0 || !blocks_any(b))
        return false;
    for (uint32_t distance = 0; find_place(b, key, &distance, &seen); distance++)
        if (seen.value > end)
            end = seen.value;
    if (end <= now_in_table(b, now_ns))
        return false;
    *until_ns = shifted(end, 0 - b->ahead_ns);
    return true;
}

/* Moves the end of a key's entry to `until`, if that is later. False when the key has none (any more). */
static bool prolong(struct blocks *b, const struct block *block, uint64_t now, uint64_t until)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        uint32_t distance = 0, place;
        union pair seen;

        if (!find_place(b, block->key, &distance, &seen))
            return false;
        if (seen.value > now && seen.value >= until)
            return true;
        place = place_of(b, block->key, distance);
        write_record(b, place, block);
        if (pair_swap(b->index + place, seen, pair_of(block->key, until))) {
            changed(b);
            return true;
        }
    }
    return false;
}

/* Claims a free place for a key; false when there is none. The claim goes to *claim. */
static bool claim_place(struct blocks *b, uint64_t key, uint64_t now, uint32_t *place, union pair *claim)
{
    *claim = pair_of(0, now + CLAIM_NS);
    for (uint32_t distance = 0; distance < b->slots; distance++) {
        union pair *at = b->index + place_of(b, key, distance), seen = pair_read(at);

        if (!is_free(seen, now))
            continue;
        raise_to(&b->head->reach, distance);
        if (seen.both == 0)
            count(b, 1);
        if (pair_swap(at, seen, *claim)) {
            *place = place_of(b, key, distance);
            return true;
        }
        if (seen.both == 0)
            count(b, -1);
    }
    return false;
}

int blocks_add(struct blocks *b, const struct block *block, uint64_t now_ns, struct error *e)
{
    uint64_t now = now_in_table(b, now_ns), until = shifted(block->until_ns, b->ahead_ns);
    uint32_t distance = 0, place;
    union pair claim, seen;

    if (block->key == 0)
        return error_set(e, "a block needs a key other than 0");
    note_prefix(b, block->prefix);
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        if (prolong(b, block, now, until))
            return 0;
        if (!claim_place(b, block->key, now, &place, &claim))
            return error_set(e,
                             "no room for another block: all %u places hold live blocks; lift some, or raise the "
                             "state's number of blocks",
                             b->slots);
        write_record(b, place, block);
        if (!pair_swap(b->index + place, claim, pair_of(block->key, until)))
            continue;
        changed(b);
        /* Somebody else may have added the same key at the same time: the one that is found first holds both. */
        if (find_place(b, block->key, &distance, &seen) && place_of(b, block->key, distance) != place &&
            prolong(b, block, now, until))
            (void)free_entry(b, place, pair_of(block->key, until));
        return 0;
    }
    return error_set(e, "the block could not be added: others change the same entry all the time");
}

bool blocks_lift(struct blocks *b, uint64_t key, uint64_t now_ns)
{
    uint64_t now = now_in_table(b, now_ns);
    uint32_t distance = 0;
    bool live = false;
    union pair seen;

    while (key != 0 && find_place(b, key, &distance, &seen))
        if (free_entry(b, place_of(b, key, distance), seen))
            live = live || seen.value > now;
    return live;
}

bool blocks_next(const struct blocks *b, uint32_t *at, uint64_t now_ns, struct block *out)
{
    uint64_t now = now_in_table(b, now_ns);

    if (!blocks_any(b))
        return false;
    for (; *at < b->slots; ++*at) {
        union pair seen = pair_read(b->index + *at), first;
        uint32_t distance = 0;

        if (seen.key == 0 || seen.value <= now)
            continue;
        /* Of two entries for one key, only the first counts. */
        if (find_place(b, seen.key, &distance, &first) && place_of(b, seen.key, distance) != *at && first.value > now)
            continue;
        read_record(b, *at, out);
        out->key = seen.key;
        out->until_ns = shifted(seen.value, 0 - b->ahead_ns);
        ++*at;
        return true;
    }
    return false;
}

/* ---- for the state ---- */

void blocks_check_head(struct blocks *b)
{
    uint64_t used = 0, reach = 0;

    for (uint32_t i = 0; i < b->slots; i++) {
        union pair seen = pair_read(b->index + i);
        uint32_t distance = (i - home_of(b, seen.key)) & (b->slots - 1);

        used += seen.both != 0;
        note_prefix(b, prefix_of(seen.both != 0 ? b->records[i].word[AT_PREFIX] : 0));
        if (seen.key != 0 && distance > reach)
            reach = distance;
    }
    raise_to(&b->head->reach, reach);
    raise_to(&b->head->used, used);
}

void blocks_sweep(struct blocks *b, uint64_t now_ns)
{
    uint64_t now = now_in_table(b, now_ns);

    if (!blocks_any(b))
        return;
    for (uint32_t i = 0; i < b->slots; i++) {
        union pair seen = pair_read(b->index + i);

        if (seen.both != 0 && is_free(seen, now))
            (void)free_entry(b, i, seen);
    }
}

uint32_t blocks_count(const struct blocks *b, uint64_t now_ns)
{
    uint64_t now = now_in_table(b, now_ns);
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->slots; i++) {
        union pair seen = pair_read(b->index + i);

        n += seen.key != 0 && seen.value > now;
    }
    return n;
}

uint32_t blocks_take_over(struct blocks *to, const struct blocks *from, uint64_t now_ns)
{
    struct block block;
    uint32_t lost = 0;

    for (uint32_t at = 0; blocks_next(from, &at, now_ns, &block);)
        lost += blocks_add(to, &block, now_ns, NULL) != 0;
    return lost;
}

void blocks_clear(struct blocks *b)
{
    memset(b->index, 0, b->slots * sizeof *b->index);
    memset(b->head, 0, sizeof *b->head);
}
