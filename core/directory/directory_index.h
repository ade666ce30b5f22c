/*
 * Where the identities lie: one large value of the LMDB file, in a table of its own, which spares a look-up the way
 * through the tree. The tree stays what counts: what the index does not know, or does not lead to, is looked up there,
 * and a file without an index is as good, but slower.
 *
 * The value: a header of 4 words (format and number of slots as powers of two, the seed of the hash, the number of
 * identities), then the slots, little-endian words, open addressing. A slot holds 20 bits of the key's hash, the number
 * of claims (4 bits), and the place of the value as the distance from the value of the table's first key (40 bits,
 * signed): distances are the same wherever LMDB maps the file, and as long as it does not change, which a published
 * one never does.
 *
 * As LMDB's pages, it is trusted because the whole file's checksum was compared before
 * (core/directory/directory_file.h).
 */
#ifndef POSTERN_DIRECTORY_INDEX_H
#define POSTERN_DIRECTORY_INDEX_H

#include "core/base/hash.h"
#include "core/base/slice.h"

#include <stdbool.h>

#define DIRECTORY_INDEX_TABLE "identities-index"
#define DIRECTORY_INDEX_KEY "1" /* the format: another one has another key, and is not found by older programs */

struct directory_index {
    const uint8_t *slots; /* NULL: there is none */
    const uint8_t *first; /* the value of the first identity */
    unsigned bits;        /* 2^bits slots */
    struct hash_secret seed;
};

/* Reads the header of an index's value; first as above. False, and an index that finds nothing, if it is none. */
bool directory_index_open(struct slice value, const void *first, struct directory_index *out);

/* The value of an identity's key; false: not found here. */
bool directory_index_find(const struct directory_index *index, struct slice key, struct slice *value);

/* ---- for the writer ---- */

/* Bytes of the index of so many identities. */
size_t directory_index_size(uint64_t identities);

struct directory_index_maker {
    uint8_t *slots;
    const uint8_t *first; /* set by the first that is added */
    unsigned bits;
    struct hash_secret seed;
};

/* Begins an index in memory of directory_index_size(identities) bytes, which is the caller's. */
void directory_index_begin(struct directory_index_maker *m, void *memory, uint64_t identities, uint64_t seed);
/* Adds an identity, in the order of the table; key and value lie where LMDB has them. At most as many as were said. */
void directory_index_add(struct directory_index_maker *m, struct slice key, struct slice value);

#endif
