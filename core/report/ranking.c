#include "core/report/ranking.h"

#include <stdlib.h>
#include <sys/random.h>

static uint32_t *ranking_place(const struct ranking *t, struct slice name)
{
    for (size_t i = hash_slice(&t->secret, name);; i++) {
        uint32_t *place = &t->places[i & (t->n_places - 1)];

        if (*place == 0 || slice_eq(slice_of(t->rows[*place - 1].name), name))
            return place;
    }
}

/* Half of the places stay free. */
static bool ranking_grow(struct ranking *t)
{
    size_t capacity = t->capacity == 0 ? 64 : t->capacity * 2;
    struct ranking_row *rows = reallocarray(t->rows, capacity, sizeof *rows);
    uint32_t *places;

    if (rows == NULL)
        return false;
    t->rows = rows;
    if (t->capacity == 0 && getrandom(&t->secret, sizeof t->secret, 0) != (ssize_t)sizeof t->secret)
        return false;
    places = calloc(capacity * 2, sizeof *places);
    if (places == NULL)
        return false;
    free(t->places);
    t->places = places;
    t->n_places = capacity * 2;
    t->capacity = capacity;
    for (size_t i = 0; i < t->n; i++)
        *ranking_place(t, slice_of(t->rows[i].name)) = (uint32_t)i + 1;
    return true;
}

void ranking_add(struct ranking *t, struct slice name, int which, uint64_t many, int64_t at_s)
{
    uint32_t *place;
    struct ranking_row *row;
    char *copy;

    if (t->places == NULL && !ranking_grow(t)) {
        t->beyond += many;
        return;
    }
    place = ranking_place(t, name);
    if (*place == 0) {
        if (t->n == RANKING_MAX || (t->n == t->capacity && !ranking_grow(t)) ||
            (copy = name.n > 0 ? strndup(name.p, name.n) : strdup("")) == NULL) {
            t->beyond += many;
            return;
        }
        t->rows[t->n] = (struct ranking_row){.name = copy};
        *ranking_place(t, name) = (uint32_t)++t->n;
        place = ranking_place(t, name);
    }
    row = &t->rows[*place - 1];
    row->count[which] += many;
    if (at_s > row->last_s)
        row->last_s = at_s;
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct ranking_row *x = a, *y = b;
    int which = *(const int *)arg;

    if (x->count[which] != y->count[which])
        return x->count[which] < y->count[which] ? 1 : -1;
    return strcmp(x->name, y->name);
}

void ranking_sort(struct ranking *t, int which)
{
    if (t->n > 1)
        qsort_r(t->rows, t->n, sizeof *t->rows, compare, &which);
    free(t->places);
    t->places = NULL;
    t->n_places = 0;
}

void ranking_free(struct ranking *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->rows[i].name);
    free(t->rows);
    free(t->places);
    *t = (struct ranking){0};
}
