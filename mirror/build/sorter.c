#include "mirror/build/sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* What a run reads at once; grows for a record that is larger. */
#define RUN_BUFFER ((size_t)128 * 1024)
#define FIRST_ARENA ((size_t)64 * 1024)

/* In front of each record, in memory and in the spool. */
struct head {
    uint32_t key_n, value_n;
};

/* A sorted part of the spool. */
struct run {
    uint64_t at, end; /* bytes of the spool that are still to be read */
    char *buffer;
    size_t cap, n, used; /* bytes in the buffer; of the records already taken */
    bool there;          /* key and value are the run's next record */
    struct slice key, value;
};

struct sorter {
    int folder, spool;
    size_t budget;
    char *arena; /* records, one behind the other */
    size_t arena_cap, arena_n;
    size_t *index; /* their places in the arena */
    size_t index_cap, index_n;
    size_t taken; /* of the index, when there are no runs */
    uint64_t spool_n;
    struct run *runs;
    size_t runs_n;
    struct run *current; /* whose record was handed out last */
};

int sorter_compare(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

int sorter_make(int folder, size_t budget, struct sorter **out, struct error *e)
{
    struct sorter *s = calloc(1, sizeof *s);

    if (s == NULL)
        return error_set(e, "out of memory");
    s->folder = folder;
    s->spool = -1;
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
    if (s->spool >= 0)
        (void)close(s->spool);
    free(s->runs);
    free(s->index);
    free(s->arena);
    free(s);
}

/* ---- records in memory ---- */

static void record_at(const char *p, struct slice *key, struct slice *value)
{
    struct head head;

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

/* ---- the spool ---- */

static int open_spool(struct sorter *s, struct error *e)
{
    static const char name[] = ".next.spool";

    s->spool = openat(s->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->spool < 0) { /* not every filesystem has unnamed files */
        (void)unlinkat(s->folder, name, 0);
        s->spool = openat(s->folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (s->spool >= 0)
            (void)unlinkat(s->folder, name, 0);
    }
    return s->spool < 0 ? error_set(e, "a file for sorting cannot be made: %s", strerror(errno)) : 0;
}

static int write_spool(struct sorter *s, const char *p, size_t n, struct error *e)
{
    while (n > 0) {
        ssize_t done = pwrite(s->spool, p, n, (off_t)s->spool_n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_set(e, "the file for sorting cannot be written: %s", strerror(errno));
        p += done;
        n -= (size_t)done;
        s->spool_n += (uint64_t)done;
    }
    return 0;
}

/* Writes the sorted records through a buffer. */
static int write_records(struct sorter *s, char *buffer, struct error *e)
{
    size_t n = 0;

    for (size_t i = 0; i < s->index_n; i++) {
        const char *record = s->arena + s->index[i];
        struct slice key, value;
        size_t size;

        record_at(record, &key, &value);
        size = sizeof(struct head) + key.n + value.n;
        if (n + size > RUN_BUFFER) {
            if (write_spool(s, buffer, n, e) != 0)
                return -1;
            n = 0;
        }
        if (size > RUN_BUFFER) {
            if (write_spool(s, record, size, e) != 0)
                return -1;
            continue;
        }
        memcpy(buffer + n, record, size);
        n += size;
    }
    return write_spool(s, buffer, n, e);
}

/* Moves what is in memory to the spool, as one more run. */
static int spill(struct sorter *s, struct error *e)
{
    struct run *runs = realloc(s->runs, (s->runs_n + 1) * sizeof *runs);
    char *buffer = malloc(RUN_BUFFER);
    uint64_t from = s->spool_n;
    int result = -1;

    if (runs != NULL)
        s->runs = runs;
    if (runs == NULL || buffer == NULL) {
        (void)error_set(e, "out of memory");
        goto out;
    }
    if (s->spool < 0 && open_spool(s, e) != 0)
        goto out;
    sort_memory(s);
    if (write_records(s, buffer, e) != 0)
        goto out;
    s->runs[s->runs_n++] = (struct run){.at = from, .end = s->spool_n};
    s->arena_n = s->index_n = 0;
    result = 0;
out:
    free(buffer);
    return result;
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
    struct head head = {(uint32_t)key.n, (uint32_t)value.n};
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

/* Brings at least n unread bytes into the run's buffer. */
static int fill(struct sorter *s, struct run *r, size_t n, struct error *e)
{
    if (r->n - r->used >= n)
        return 0;
    memmove(r->buffer, r->buffer + r->used, r->n - r->used);
    r->n -= r->used;
    r->used = 0;
    if (n > r->cap && grow((void **)&r->buffer, &r->cap, n, 1, e) != 0)
        return -1;
    while (r->n < n) {
        size_t room = r->cap - r->n;
        size_t wanted = r->end - r->at < room ? (size_t)(r->end - r->at) : room;
        ssize_t got = wanted > 0 ? pread(s->spool, r->buffer + r->n, wanted, (off_t)r->at) : 0;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(e, "the file for sorting cannot be read: %s", got < 0 ? strerror(errno) : "it was cut");
        r->n += (size_t)got;
        r->at += (uint64_t)got;
    }
    return 0;
}

/* Makes the run's next record its current one. */
static int advance(struct sorter *s, struct run *r, struct error *e)
{
    struct head head;
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
        struct run *r = &s->runs[i];

        r->buffer = malloc(RUN_BUFFER);
        r->cap = RUN_BUFFER;
        if (r->buffer == NULL)
            return error_set(e, "out of memory");
        if (advance(s, r, e) != 0)
            return -1;
    }
    return 0;
}

/* A later run holds what was added later, so it wins among equal keys. */
static struct run *least_run(struct sorter *s)
{
    struct run *least = NULL;

    for (size_t i = s->runs_n; i-- > 0;) {
        struct run *r = &s->runs[i];

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
