/*
 * A piece of a table of the journal, as readers get it: copied in one short transaction, and shown when that is over.
 * Private to core/journal*.c.
 */
#ifndef POSTERN_JOURNAL_PIECE_H
#define POSTERN_JOURNAL_PIECE_H

#include "core/journal/journal_parts.h"

#define PIECE_BYTES 262144u
#define PIECE_ENTRIES 1024u
#define PIECE_KEY_MAX 512u

struct piece_entry {
    uint32_t at, key_n, value_n; /* in bytes: the key, then the value */
};

struct piece {
    enum journal_table table;
    bool backwards;
    bool exact; /* the entry of the key `last` alone */
    bool end;   /* there is nothing behind it */
    uint8_t last[PIECE_KEY_MAX];
    size_t last_n; /* the last key read; 0: none */
    uint32_t n;
    struct piece_entry entries[PIECE_ENTRIES];
    size_t used;
    uint8_t bytes[PIECE_BYTES];
};

static inline struct slice piece_key(const struct piece *p, uint32_t i)
{
    return (struct slice){(const char *)p->bytes + p->entries[i].at, p->entries[i].key_n};
}

static inline struct slice piece_value(const struct piece *p, uint32_t i)
{
    return (struct slice){(const char *)p->bytes + p->entries[i].at + p->entries[i].key_n, p->entries[i].value_n};
}

/* Reads the piece behind p->last, in this process or by j->apart. 0; -1 with e. */
int journal_read_piece(struct journal *j, struct piece *p, struct error *e);

#endif
