/*
 * What a test puts into a directory, in any order and as often as it likes, for the writer, which wants it ascending
 * and each once: of several on one mailbox the last counts. One list for the process; it holds copies.
 */
#ifndef POSTERN_TEST_PUTS_H
#define POSTERN_TEST_PUTS_H

#include "mirror/build/writer.h"

#include <stdlib.h>
#include <string.h>

struct put {
    uint32_t tenant;
    size_t turn;
    bool there; /* false: it is to be deleted */
    struct mailbox_record record;
};

static struct puts {
    struct put *p;
    size_t n, cap;
} puts_list;

static inline void puts_clear(void)
{
    for (size_t i = 0; i < puts_list.n; i++)
        free((void *)(uintptr_t)puts_list.p[i].record.primary.p); /* the first of the texts, which lie in one piece */
    free(puts_list.p);
    puts_list = (struct puts){0};
}

static inline void puts_add_item(uint32_t tenant, bool there, const struct mailbox_record *r)
{
    struct put put = {tenant, puts_list.n, there, *r};
    struct slice *texts[] = {&put.record.primary, &put.record.upn,         &put.record.alias,  &put.record.account,
                             &put.record.name,    &put.record.auth_policy, &put.record.proxies};
    size_t n = 1;
    char *mem;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        n += texts[i]->n;
    mem = malloc(n);
    if (puts_list.n == puts_list.cap) {
        puts_list.cap = puts_list.cap > 0 ? 2 * puts_list.cap : 64;
        puts_list.p = realloc(puts_list.p, puts_list.cap * sizeof *puts_list.p);
    }
    if (mem == NULL || puts_list.p == NULL)
        abort();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i]->n > 0)
            memcpy(mem, texts[i]->p, texts[i]->n);
        texts[i]->p = mem;
        mem += texts[i]->n;
    }
    puts_list.p[puts_list.n++] = put;
}

static inline void puts_add(uint32_t tenant, const struct mailbox_record *r)
{
    puts_add_item(tenant, true, r);
}

static inline void puts_delete(uint32_t tenant, const struct mailbox_id *id)
{
    puts_add_item(tenant, false, &(struct mailbox_record){.id = *id});
}

static inline int puts_by_place(const void *a, const void *b)
{
    const struct put *x = a, *y = b;
    int order = x->tenant != y->tenant ? (x->tenant < y->tenant ? -1 : 1)
                                       : memcmp(&x->record.id, &y->record.id, sizeof x->record.id);

    return order != 0 ? order : x->turn < y->turn ? -1 : x->turn > y->turn;
}

/* The next stored mailbox of the tenant behind *at; true with *r. */
static inline bool puts_stored(const struct writer *w, uint32_t tenant, const struct mailbox_id *at,
                               struct mailbox_record *r)
{
    return writer_before(w) != NULL && directory_next_mailbox(writer_before(w), tenant, at, r) == DIRECTORY_FOUND;
}

/* One tenant's, from *i on. */
static inline int puts_write_tenant(struct writer *w, size_t *i, struct error *e)
{
    uint32_t tenant = puts_list.p[*i].tenant;
    struct mailbox_record old;
    bool stored = puts_stored(w, tenant, NULL, &old);

    while (stored || (*i < puts_list.n && puts_list.p[*i].tenant == tenant)) {
        struct put *put = *i < puts_list.n && puts_list.p[*i].tenant == tenant ? &puts_list.p[*i] : NULL;
        int order = put == NULL ? -1 : !stored ? 1 : memcmp(&old.id, &put->record.id, sizeof old.id);
        const struct mailbox_record *before = order <= 0 ? &old : NULL;
        const struct mailbox_record *after = order < 0 ? &old : put->there ? &put->record : NULL;

        if (order >= 0 && *i + 1 < puts_list.n && put[1].tenant == tenant &&
            memcmp(&put->record.id, &put[1].record.id, sizeof old.id) == 0) {
            ++*i; /* a later one counts */
            continue;
        }
        if ((before != NULL || after != NULL) && writer_put_mailbox(w, tenant, before, after, e) != 0)
            return -1;
        *i += order >= 0;
        if (order <= 0)
            stored = puts_stored(w, tenant, &old.id, &old);
    }
    return 0;
}

/* Hands all to the writer, and forgets them. 0, or -1 with e. */
static inline int puts_write(struct writer *w, struct error *e)
{
    int result = 0;

    if (puts_list.n > 0)
        qsort(puts_list.p, puts_list.n, sizeof *puts_list.p, puts_by_place);
    for (size_t i = 0; i < puts_list.n && result == 0;)
        result = puts_write_tenant(w, &i, e);
    puts_clear();
    return result;
}

#endif
