/*
 * The layout of the outbox, for core/state only; everybody else uses outbox.h.
 *
 * A header page, and slots of 32 bytes. A writer takes the next sequence numbers with one addition to the header,
 * empties the slot, fills it, and writes its stamp last: {sequence + 1, kind, table}. So a reader that sees the stamp
 * of the sequence that it wants, before and after, has read what belongs to it. A distinct member takes two slots.
 *
 * A writer that was stopped while the whole ring went round may still write into a slot that is somebody else's by
 * then; 16 bits of check in the slot find that.
 */
#ifndef POSTERN_OUTBOX_RING_H
#define POSTERN_OUTBOX_RING_H

#include "core/state/outbox.h"

#include <sys/types.h>

#define OUTBOX_MAGIC "POSTOUTB" /* 8 bytes, not terminated */
#define OUTBOX_VERSION 1
#define OUTBOX_HEADER_BYTES 4096

struct outbox_slot {
    uint64_t
        stamp; /* sequence + 1 in the low 48 bits, the kind in the next 8, the table in the highest; 0: being written */
    uint64_t key;
    uint64_t ns;
    uint64_t burst; /* in us, in the low 48 bits; the check */
};

_Static_assert(sizeof(struct outbox_slot) == 32, "a slot is half a cache line");

/* What never changes; `check` is over all before it. */
struct outbox_constants {
    char magic[8];
    uint32_t version;
    uint32_t endian;
    uint64_t slots; /* a power of two */
    uint64_t check;
};

struct outbox_header {
    struct outbox_constants constants;
    uint64_t next __attribute__((aligned(64))); /* the sequence of the next slot; the writers' */
    uint64_t done __attribute__((aligned(64))); /* the reader's, as all that follow */
    uint64_t lost;
    uint64_t holes;
    uint64_t round_end;     /* of the round from `done` on, if it is after that */
    uint64_t identity[2];   /* 0: the reader has not made one yet ... */
    uint64_t identity_boot; /* ... and it is of this start of the machine */
};

/* A mapped ring. */
struct outbox_ring {
    struct outbox_header *header;
    struct outbox_slot *slots;
    uint64_t mask; /* slots - 1 */
    int fd;        /* -1: memory */
    dev_t dev;
    ino_t ino;
    int guard;           /* its place in the guard's table, or -1 */
    uint64_t retired_ns; /* boot clock */
    bool hollow;
    struct outbox_ring *older;
};

struct outbox {
    char *path;
    enum outbox_role role;
    struct outbox_ring *now; /* atomic; NULL: there is none */
    uint64_t unposted;       /* atomic */
    bool has_problem;
    struct error problem;
    /* the reader's */
    uint64_t at;
    uint64_t stop;            /* where the round of a killed reader ends; 0: there is none */
    bool waits;               /* for slots from `at` on that are not finished ... */
    uint64_t since_ns, taken; /* ... since then, when all before this sequence had been taken */
};

/* The reader's place in its ring, from what the last reader left. */
void outbox_resume(struct outbox *o, const struct outbox_ring *ring);

/* A ring over memory, for tests: a header page and the slots, zeroed and aligned to a page. */
struct outbox_ring outbox_over(void *memory, uint64_t slots);

#endif
