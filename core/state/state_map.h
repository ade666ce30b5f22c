/*
 * The layout of the state, in a file or in memory: a header page, the counters with what belongs to them, the blocks'
 * index, their records, the receipts, the habits.
 *
 * Byte order and word size are the machine's: the file is for the programs of one machine. A foreign one is found by
 * the header's check and set aside.
 */
#ifndef POSTERN_STATE_MAP_H
#define POSTERN_STATE_MAP_H

#include "core/base/error.h"
#include "core/state/blocks_table.h"
#include "core/state/counters_table.h"
#include "core/state/habits_table.h"
#include "core/state/receipts.h"
#include "core/state/state.h"
#include "core/state/state_clock.h"

#include <sys/stat.h>

#define STATE_MAGIC "POSTSTAT" /* 8 bytes, not terminated */
#define STATE_VERSION 3
/* Files of these versions are read, and converted: see layout_of_file. */
#define STATE_VERSION_WITHOUT_HABITS 2
#define STATE_VERSION_FIRST 1
#define STATE_HEADER_BYTES 4096
/* More than any machine has memory for; prevents overflow of sizes. */
#define STATE_ENTRIES_MAX (UINT64_C(1) << 34)
#define STATE_BLOCKS_MIN 16
#define STATE_BLOCKS_MAX (UINT32_C(1) << 24)
#define STATE_ENTRIES_DEFAULT (UINT64_C(1) << 20)
#define STATE_BLOCKS_DEFAULT (UINT32_C(1) << 12)
/* Entries for each login that habits have room for: a login has about eight counters, and half of both stays free. */
#define STATE_ENTRIES_A_LOGIN 32u

/* What never changes while the file lives; `check` is over all before it. */
struct state_constants {
    char magic[8];
    uint32_t version;
    uint32_t endian;
    uint64_t bytes; /* of the file */
    uint64_t entries;
    uint64_t blocks;
    struct hash_secret secret;
    uint64_t check;
};

/* What a service publishes about itself once a second; access is by whole words. Zeros, as in older files: nobody. */
struct state_service_place {
    uint64_t owner;   /* tells two services apart, also in two pid namespaces; 0: free */
    uint64_t told_ns; /* state time */
    uint64_t pid;
    uint64_t generation;
};

struct state_header {
    struct state_constants constants;
    struct state_clock clock;
    struct counters_met met __attribute__((aligned(64)));
    struct blocks_head blocks __attribute__((aligned(64)));
    struct state_service_place services[STATE_SERVICES_MAX] __attribute__((aligned(64)));
    struct habits_met habits __attribute__((aligned(64)));
};

struct layout {
    uint32_t version;
    uint32_t blocks;  /* a power of two */
    uint32_t places;  /* in the blocks' index */
    uint64_t entries; /* a power of two */
    uint64_t rest_at; /* the shared entries and the yielding tables; 0: there are none */
    uint64_t index_at, records_at;
    uint64_t receipts_at; /* 0: there are none */
    uint64_t habits_at;   /* the same */
    uint64_t logins;      /* that habits have room for; a power of two */
    uint64_t bytes;
};

/* Rounds up to powers of two and clamps; 0 takes the default. */
struct layout layout_of(uint64_t entries, uint64_t blocks);
/*
 * The layout of an existing file. Version 2 had no habits; version 1 had one shared entry a bucket besides, and an
 * index with as many places as blocks. Such files can only be converted (mapping_take_over).
 */
struct layout layout_of_file(const struct state_constants *k);

/* Constants for a new file. */
struct state_constants constants_make(const struct layout *l, const struct hash_secret *secret);

enum constants_found { CONSTANTS_GOOD, CONSTANTS_NEWER, CONSTANTS_DAMAGED };
/* Checks what was read from a file of `bytes`. If it is not good, e says why. */
enum constants_found constants_check(const struct state_constants *k, uint64_t bytes, struct error *e);

/* A mapped state. */
struct mapping {
    unsigned char *base;
    struct layout layout;
    int fd; /* -1: memory */
    dev_t dev;
    ino_t ino;
    int guard; /* its place in the guard's table, or -1 */
    struct hash_secret secret;
    uint64_t offset_ns; /* state time of the file = boot clock + this */
    struct counters counters;
    struct blocks blocks;
    struct receipts receipts;
    struct habits habits;
    struct blocks_head head; /* of the blocks in a file of version 1, computed */
    bool clock_pending;      /* the new offset after a reboot could not be written yet, without the lock */
    uint64_t retired_ns;     /* boot clock */
    bool hollow;             /* its memory was given back; reads as empty */
    struct mapping *older;
};

/* Maps a file of that layout, or anonymous memory when fd is -1. Owns fd on success. NULL with e. */
struct mapping *mapping_make(int fd, const struct layout *l, const struct hash_secret *secret, struct error *e);
/* The same for a file that is open for reading only: changes stay in this process. */
struct mapping *mapping_look(int fd, const struct layout *l, const struct hash_secret *secret, struct error *e);
/* The same, and who changes something there is ended by SIGSEGV: the file as the others have it, at each moment. */
struct mapping *mapping_read(int fd, const struct layout *l, const struct hash_secret *secret, struct error *e);
void mapping_free(struct mapping *m);

static inline struct state_header *mapping_header(const struct mapping *m)
{
    return (struct state_header *)(void *)m->base;
}

/* Makes the tables use the time of a state whose offset is offset_ns. */
void mapping_follow(struct mapping *m, uint64_t offset_ns);

/* Copies the habits, and the counters and blocks that are live in `from` at now_ns, the owner's time. Returns the
 * number of blocks without room. Receipts are not copied: messages that are under way stay charged. */
uint32_t mapping_take_over(struct mapping *to, const struct mapping *from, uint64_t now_ns);

/* Frees the memory and the file but keeps the addresses valid: whoever still uses them sees an empty table. */
void mapping_hollow(struct mapping *m);

#endif
