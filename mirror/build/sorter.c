#include "mirror/build/sorter.h"

#include "mirror/build/scratch.h"

#include <stdlib.h>

/* Read buffer of one run; grows for a larger record. */
#define RUN_BUFFER ((size_t)128 * 1024)
#define FIRST_ARENA ((size_t)64 * 1024)

/* Precedes each record, in memory and on disk. */
struct record_head {
    uint32_t key_n, value_n;
};

/* A sorted part of the scratch file. */
struct sorted_run {
    uint64_t at, end; /* the part of the file not read yet */
    char *buffer;
    size_t cap, n, used; /* size, bytes in the buffer, bytes already consumed */
    bool there;          /* key and value hold the run's next record */
    struct slice key, value;
};

struct sorter {
    const char *folder;
    struct scratch *scratch; /* NULL: nothing was spilled yet */
    size_t budget;
    char *arena; /* records, one after the other */
    size_t arena_cap, arena_n;
    size_t *index; /* their offsets in the arena */
    size_t index_cap, index_n;
    size_t taken; /* how many of the index, when nothing was spilled */
    struct sorted_run *runs;
    size_t runs_n;
    struct sorted_run *current; /* the run whose record was returned last */
};

int sorter_compare(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

int sorter_make(const char *folder, size_t budget, struct sorter **out, struct error *e)
{
    struct sorter *s = calloc(1, sizeof *s);

    if (s == NULL)
        return error_set(e, "out of memory");
    s->folder = folder;
    s->budget = budget;
    *out = s;
    return 0;
}

void sorter_free(struct sorter *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->runs_n; i++)
        free(s->runs[i].buffer);
    scratch_close(s->scratch);
    free(s->runs);
    free(s->index);
    free(s->arena);
    free(s);
}

/* ---- records in memory ---- */

static void record_at(const char *p, struct slice *key, struct slice *value)
{
    struct record_head head;

    memcpy(&head, p, sizeof head);
    *key = (struct slice){p + sizeof head, head.key_n};
    *value = (struct slice){p + sizeof head + head.key_n, head.value_n};
}

static int compare_places(const void *a, const void *b, void *arena)
{
    size_t at_a = *(const size_t *)a, at_b = *(const size_t *)b;
    struct slice key_a, key_b, value;
    int order;

    record_at((char *)arena + at_a, &key_a, &value);
    record_at((char *)arena + at_b, &key_b, &value);
    order = sorter_compare(key_a, key_b);
    if (order != 0)
        return order;
    return at_a > at_b ? -1 : 1;
}

static void sort_memory(struct sorter *s)
{
    if (s->index_n > 1)
        qsort_r(s->index, s->index_n, sizeof *s->index, compare_places, s->arena);
}

/* Writes the records in memory to the scratch file, as one more sorted run. */
static int spill(struct sorter *s, struct error *e)
{
    struct sorted_run *runs = realloc(s->runs, (s->runs_n + 1) * sizeof *runs);
    uint64_t from, at;

    if (runs == NULL)
        return error_set(e, "out of memory");
    s->runs = runs;
    if (s->scratch == NULL && scratch_open(s->folder, &s->scratch, e) != 0)
        return -1;
    from = scratch_size(s->scratch);
    sort_memory(s);
    for (size_t i = 0; i < s->index_n; i++) {
        const char *record = s->arena + s->index[i];
        struct slice key, value;

        record_at(record, &key, &value);
        if (scratch_add(s->scratch, (struct slice){record, sizeof(struct record_head) + key.n + value.n}, &at, e) != 0)
            return -1;
    }
    s->runs[s->runs_n++] = (struct sorted_run){.at = from, .end = scratch_size(s->scratch)};
    s->arena_n = s->index_n = 0;
    return 0;
}

/* ---- adding ---- */

static int grow(void **p, size_t *cap, size_t wanted, size_t size, struct error *e)
{
    size_t larger = *cap > 0 ? *cap : FIRST_ARENA / size;
    void *q;

    while (larger < wanted)
        larger *= 2;
    if (larger == *cap)
        return 0;
    q = realloc(*p, larger * size);
    if (q == NULL)
        return error_set(e, "out of memory");
    *p = q;
    *cap = larger;
    return 0;
}

int sorter_add(struct sorter *s, struct slice key, struct slice value, struct error *e)
{
    struct record_head head = {(uint32_t)key.n, (uint32_t)value.n};
    size_t size = sizeof head + key.n + value.n;
    char *p;

    if (s->index_n > 0 && s->arena_n + size + (s->index_n + 1) * sizeof *s->index > s->budget && spill(s, e) != 0)
        return -1;
    if (grow((void **)&s->arena, &s->arena_cap, s->arena_n + size, 1, e) != 0 ||
        grow((void **)&s->index, &s->index_cap, s->index_n + 1, sizeof *s->index, e) != 0)
        return -1;
    p = s->arena + s->arena_n;
    memcpy(p, &head, sizeof head);
    memcpy(p + sizeof head, key.p, key.n);
    if (value.n > 0)
        memcpy(p + sizeof head + key.n, value.p, value.n);
    s->index[s->index_n++] = s->arena_n;
    s->arena_n += size;
    return 0;
}

/* ---- merging the runs ---- */

/* Makes sure that the run's buffer has n unread bytes. */
static int fill(struct sorter *s, struct sorted_run *r, size_t n, struct error *e)
{
    size_t wanted;

    if (r->n - r->used >= n)
        return 0;
    memmove(r->buffer, r->buffer + r->used, r->n - r->used);
    r->n -= r->used;
    r->used = 0;
    if (n > r->cap && grow((void **)&r->buffer, &r->cap, n, 1, e) != 0)
        return -1;
    wanted = r->end - r->at < r->cap - r->n ? (size_t)(r->end - r->at) : r->cap - r->n;
    if (scratch_get(s->scratch, r->at, r->buffer + r->n, wanted, e) != 0)
        return -1;
    r->n += wanted;
    r->at += wanted;
    return r->n >= n ? 0 : error_set(e, "a scratch file was cut while it was read");
}

/* Advances the run to its next record. */
static int advance(struct sorter *s, struct sorted_run *r, struct error *e)
{
    struct record_head head;
    size_t size;

    r->there = r->at < r->end || r->used < r->n;
    if (!r->there)
        return 0;
    if (fill(s, r, sizeof head, e) != 0)
        return -1;
    memcpy(&head, r->buffer + r->used, sizeof head);
    size = sizeof head + head.key_n + head.value_n;
    if (fill(s, r, size, e) != 0)
        return -1;
    record_at(r->buffer + r->used, &r->key, &r->value);
    r->used += size;
    return 0;
}

int sorter_sort(struct sorter *s, struct error *e)
{
    if (s->runs_n == 0) {
        sort_memory(s);
        return 0;
    }
    if (s->index_n > 0 && spill(s, e) != 0)
        return -1;
    free(s->arena);
    free(s->index);
    s->arena = NULL;
    s->index = NULL;
    for (size_t i = 0; i < s->runs_n; i++) {
        struct sorted_run *r = &s->runs[i];

        r->buffer = malloc(RUN_BUFFER);
        r->cap = RUN_BUFFER;
        if (r->buffer == NULL)
            return error_set(e, "out of memory");
        if (advance(s, r, e) != 0)
            return -1;
    }
    return 0;
}

/* The run with the lowest key. Among equal keys a later run wins, since its records were added later. */
static struct sorted_run *least_run(struct sorter *s)
{
    struct sorted_run *least = NULL;

    for (size_t i = s->runs_n; i-- > 0;) {
        struct sorted_run *r = &s->runs[i];

        if (r->there && (least == NULL || sorter_compare(r->key, least->key) < 0))
            least = r;
    }
    return least;
}

int sorter_next(struct sorter *s, struct slice *key, struct slice *value, struct error *e)
{
    if (s->runs_n == 0) {
        if (s->taken == s->index_n)
            return 0;
        record_at(s->arena + s->index[s->taken++], key, value);
        return 1;
    }
    if (s->current != NULL && advance(s, s->current, e) != 0)
        return -1;
    s->current = least_run(s);
    if (s->current == NULL)
        return 0;
    *key = s->current->key;
    *value = s->current->value;
    return 1;
}
