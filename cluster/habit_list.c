#include "cluster/habit_list.h"

#include <stdlib.h>

#define MINUTE_S 60

/* Places are numbered from 1; 0: none. */
struct half {
    struct habit_word words[HABIT_LIST_MAX];
    uint32_t in_chain[HABIT_LIST_MAX]; /* the one before with the same hash */
    uint32_t chains[HABIT_LIST_MAX];
    uint32_t n, next;
};

struct habit_list {
    struct half halves[2];
    unsigned round; /* which of them is told */
    uint64_t lost;
};

struct habit_list *habit_list_new(void)
{
    return calloc(1, sizeof(struct habit_list));
}

void habit_list_free(struct habit_list *l)
{
    free(l);
}

static uint32_t chain_of(uint64_t key)
{
    return (uint32_t)key & (HABIT_LIST_MAX - 1);
}

static bool is_amount(enum outbox_kind kind)
{
    return kind == OUTBOX_HABIT || kind == OUTBOX_HABIT_RETURN;
}

/* The amount that this one can be a part of; NULL: none, or something was said of the habit since. */
static struct habit_word *amount_before(struct half *h, const struct outbox_record *r)
{
    for (uint32_t at = h->chains[chain_of(r->key)]; at != 0; at = h->in_chain[at - 1]) {
        struct habit_word *word = h->words + at - 1;

        if (word->key != r->key)
            continue;
        if (!is_amount(word->kind))
            return NULL;
        if (word->kind == r->kind && word->at_s / MINUTE_S == r->at_s / MINUTE_S)
            return word;
    }
    return NULL;
}

static uint32_t sum_of(uint32_t a, uint32_t b)
{
    return a + b < OUTBOX_UNITS_MOST ? a + b : OUTBOX_UNITS_MOST;
}

void habit_list_take(struct habit_list *l, const struct outbox_record *r)
{
    struct half *h = l->halves + !l->round;
    struct habit_word *word = is_amount(r->kind) ? amount_before(h, r) : NULL;

    if (word != NULL) {
        word->units[0] = sum_of(word->units[0], r->units[0]);
        word->units[1] = sum_of(word->units[1], r->units[1]);
        return;
    }
    if (h->n == HABIT_LIST_MAX) {
        l->lost++;
        return;
    }
    h->words[h->n] = (struct habit_word){r->kind, r->key, r->at_s, {r->units[0], r->units[1]}};
    h->in_chain[h->n] = h->chains[chain_of(r->key)];
    h->chains[chain_of(r->key)] = ++h->n;
}

bool habit_list_begin_round(struct habit_list *l)
{
    struct half *h = l->halves + l->round;

    if (h->next < h->n)
        return false;
    for (uint32_t i = 0; i < h->n; i++)
        h->chains[chain_of(h->words[i].key)] = 0;
    h->n = h->next = 0;
    l->round = !l->round;
    return true;
}

bool habit_list_next(struct habit_list *l, struct habit_word *out)
{
    struct half *h = l->halves + l->round;

    if (h->next == h->n)
        return false;
    *out = h->words[h->next++];
    return true;
}

static bool half_has(const struct half *h, uint64_t key)
{
    for (uint32_t at = h->chains[chain_of(key)]; at > h->next; at = h->in_chain[at - 1])
        if (h->words[at - 1].key == key)
            return true;
    return false;
}

bool habit_list_has(const struct habit_list *l, uint64_t key)
{
    return half_has(l->halves, key) || half_has(l->halves + 1, key);
}

size_t habit_list_in_round(const struct habit_list *l)
{
    return l->halves[l->round].n - l->halves[l->round].next;
}

size_t habit_list_count(const struct habit_list *l)
{
    return habit_list_in_round(l) + l->halves[!l->round].n;
}

uint64_t habit_list_lost(const struct habit_list *l)
{
    return l->lost;
}
