#include "core/directory/directory_index.h"

#include "core/directory/directory_record.h"

#include <endian.h>

#define FORMAT 1u
#define HEADER_WORDS 4u
#define WORD sizeof(uint64_t)

#define PLACE_BITS 40u
#define CLAIMS_BITS 4u
#define CLAIMS_NONE 0u /* more claims than fit: the tree knows */
#define HASH_BITS (64 - PLACE_BITS - CLAIMS_BITS)
#define PROBES_MAX 1000u
#define SEAL_SIZE 4u /* the checksum in front of the claims (core/directory/directory_record.h) */

/* At most two thirds full, so a look-up ends after one or two slots; a cache line holds eight. */
static unsigned bits_for(uint64_t identities)
{
    unsigned bits = 3;

    while ((UINT64_C(1) << bits) / 3 * 2 < identities)
        bits++;
    return bits;
}

static uint64_t word_at(const uint8_t *words, uint64_t i)
{
    uint64_t word;

    memcpy(&word, words + i * WORD, WORD);
    return le64toh(word);
}

static void set_word(uint8_t *words, uint64_t i, uint64_t word)
{
    word = htole64(word);
    memcpy(words + i * WORD, &word, WORD);
}

static uint64_t hash_part(uint64_t hash)
{
    return hash & ((UINT64_C(1) << HASH_BITS) - 1);
}

static struct hash_secret secret_of(uint64_t seed)
{
    return (struct hash_secret){{seed, ~seed}};
}

/* ---- reading ---- */

bool directory_index_open(struct slice value, const void *first, struct directory_index *out)
{
    const uint8_t *words = (const uint8_t *)value.p;
    uint64_t bits;

    *out = (struct directory_index){.slots = NULL};
    if (value.n < HEADER_WORDS * WORD || word_at(words, 0) != FORMAT || first == NULL)
        return false;
    bits = word_at(words, 1);
    if (bits > 40 || value.n != HEADER_WORDS * WORD + (WORD << bits))
        return false;
    out->slots = words + HEADER_WORDS * WORD;
    out->first = first;
    out->bits = (unsigned)bits;
    out->seed = secret_of(word_at(words, 2));
    return true;
}

/*
 * The key stands right before the value in a node of LMDB's (mdb.c, struct MDB_node), which tells whether it is the one
 * that was looked for; another layout would only mean that the tree is asked.
 */
static bool leads_to(const struct directory_index *index, uint64_t slot, struct slice key, struct slice *value)
{
    int64_t place = (int64_t)(slot << HASH_BITS << CLAIMS_BITS) >> (HASH_BITS + CLAIMS_BITS);
    unsigned claims = (unsigned)(slot >> PLACE_BITS) & ((1u << CLAIMS_BITS) - 1);
    const uint8_t *at = index->first + place;

    if (claims == CLAIMS_NONE || memcmp(at - key.n, key.p, key.n) != 0)
        return false;
    *value = (struct slice){(const char *)at, SEAL_SIZE + claims * (size_t)IDENTITY_CLAIM_SIZE};
    return true;
}

bool directory_index_find(const struct directory_index *index, struct slice key, struct slice *value)
{
    uint64_t hash, mask, i, slot;
    unsigned probes = 0;

    if (index->slots == NULL)
        return false;
    hash = hash_slice(&index->seed, key);
    mask = (UINT64_C(1) << index->bits) - 1;
    i = hash >> (64 - index->bits);
    for (; probes < PROBES_MAX && (slot = word_at(index->slots, i)) != 0; probes++, i = (i + 1) & mask)
        if (slot >> (PLACE_BITS + CLAIMS_BITS) == hash_part(hash) && leads_to(index, slot, key, value))
            return true;
    return false;
}

/* ---- making ---- */

size_t directory_index_size(uint64_t identities)
{
    return HEADER_WORDS * WORD + (WORD << bits_for(identities));
}

void directory_index_begin(struct directory_index_maker *m, void *memory, uint64_t identities, uint64_t seed)
{
    uint8_t *words = memory;

    m->bits = bits_for(identities);
    m->seed = secret_of(seed);
    m->slots = words + HEADER_WORDS * WORD;
    m->first = NULL;
    memset(memory, 0, directory_index_size(identities));
    set_word(words, 0, FORMAT);
    set_word(words, 1, m->bits);
    set_word(words, 2, seed);
    set_word(words, 3, identities);
}

void directory_index_add(struct directory_index_maker *m, struct slice key, struct slice value)
{
    uint64_t hash = hash_slice(&m->seed, key), mask = (UINT64_C(1) << m->bits) - 1, claims, slot, i;
    const uint8_t *at = (const uint8_t *)value.p;
    int64_t place;

    if (m->first == NULL)
        m->first = at;
    place = at - m->first;
    claims = value.n < SEAL_SIZE ? CLAIMS_NONE : (value.n - SEAL_SIZE) / IDENTITY_CLAIM_SIZE;
    /* What does not fit is left to the tree. */
    if (claims == CLAIMS_NONE || claims >> CLAIMS_BITS != 0 ||
        SEAL_SIZE + claims * (uint64_t)IDENTITY_CLAIM_SIZE != value.n ||
        place != (int64_t)((uint64_t)place << (64 - PLACE_BITS)) >> (64 - PLACE_BITS))
        return;
    slot = hash_part(hash) << (PLACE_BITS + CLAIMS_BITS) | claims << PLACE_BITS |
           ((uint64_t)place & ((UINT64_C(1) << PLACE_BITS) - 1));
    for (i = hash >> (64 - m->bits); word_at(m->slots, i) != 0; i = (i + 1) & mask)
        continue;
    set_word(m->slots, i, slot);
}
