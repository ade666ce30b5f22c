#include "core/config/config_table.h"

#include "core/base/quote.h"

#include <stdlib.h>

/* What a config owns, each piece from its own malloc, so that sanitizers notice an access beyond it. */
struct memory_piece {
    struct memory_piece *next;
    max_align_t bytes[];
};

struct config_memory {
    struct memory_piece *first;
};

struct config_memory *config_memory_new(void)
{
    return calloc(1, sizeof(struct config_memory));
}

static void *memory_add(struct config_memory *memory, size_t bytes)
{
    struct memory_piece *piece = bytes <= SIZE_MAX - sizeof *piece ? calloc(1, sizeof *piece + bytes) : NULL;

    if (piece == NULL)
        return NULL;
    piece->next = memory->first;
    memory->first = piece;
    return piece->bytes;
}

void config_memory_free(struct config_memory *memory)
{
    struct memory_piece *next;

    if (memory == NULL)
        return;
    for (struct memory_piece *piece = memory->first; piece != NULL; piece = next) {
        next = piece->next;
        free(piece);
    }
    free(memory);
}

void *config_alloc(const struct reader *r, size_t n, size_t size)
{
    void *p = size == 0 || n <= SIZE_MAX / size ? memory_add(r->memory, n * size) : NULL;

    if (p == NULL)
        (void)error_set(r->e, "%s: no memory for the configuration", quote(slice_of(r->path)).text);
    return p;
}

const char *config_keep(const struct reader *r, struct slice s)
{
    char *p = config_alloc(r, s.n + 1, 1);

    if (p != NULL && s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}
