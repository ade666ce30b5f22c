#include "mirror/build/merge.h"

#include "mirror/build/merge_private.h"

#include <stdlib.h>

void merge_close(struct merge *m)
{
    if (m == NULL)
        return;
    free(m->moved.p);
    free(m->gone.p);
    free(m);
}

int merge_open(struct gathered *g, const struct writer *w, const struct tenant_facts *before, struct slice tenant_name,
               const char *const *paths, struct merge **out, struct error *e)
{
    struct merge *m = calloc(1, sizeof *m);

    *out = NULL;
    if (m == NULL)
        return error_set(e, "no memory to compare with the directory");
    *m = (struct merge){.g = g, .w = w, .before = before, .tenant_name = tenant_name, .paths = paths};
    gather_sort_restricted(g);
    accounts_sort(g->accounts);
    if (merge_join(m, e) != 0) {
        merge_close(m);
        return -1;
    }
    *out = m;
    return 0;
}

size_t merge_users_without_mailbox(const struct merge *m)
{
    return sheet_count(m->g->sheets[SHEET_POLICIES]) - m->users_joined;
}

struct slice merge_names(const struct merge *m, enum sheet_of sheet)
{
    return m->has[sheet] ? m->rows[sheet].names : (struct slice){NULL, 0};
}

static int directory_is_damaged(struct error *e)
{
    return error_set(e, "the directory holds a damaged mailbox; run \"postern-mirror verify\"");
}

/* The stored mailbox at which the walk is. 1; 0 at the end; -1 with e. */
static int stored_mailbox(struct merge *m, struct error *e)
{
    enum directory_result result;

    if (m->before == NULL || m->stored_ended)
        return 0;
    if (m->stored_begun && !m->stored_taken)
        return 1;
    result = directory_next_mailbox(writer_before(m->w), m->before->tenant, m->stored_begun ? &m->stored.id : NULL,
                                    &m->stored);
    if (result == DIRECTORY_DAMAGED)
        return directory_is_damaged(e);
    m->stored_begun = true;
    m->stored_taken = false;
    m->stored_ended = result != DIRECTORY_FOUND;
    return m->stored_ended ? 0 : 1;
}

static int compare_ids(const struct mailbox_id *a, const struct mailbox_id *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}

/* The next id, the lowest of those in the exports and the directory. 1; 0 at the end; -1 with e. */
static int lowest_id(struct merge *m, struct mailbox_id *id, struct error *e)
{
    int found = stored_mailbox(m, e);

    if (found < 0)
        return -1;
    if (found > 0)
        *id = m->stored.id;
    for (size_t i = SHEET_SETTINGS; i <= SHEET_DETAILS; i++) {
        struct mailbox_id other;

        if (m->next[i] == sheet_count(m->g->sheets[i]))
            continue;
        other = sheet_id(m->g->sheets[i], m->next[i]);
        if (found == 0 || compare_ids(&other, id) < 0)
            *id = other;
        found = 1;
    }
    return found;
}

/* Reads what the exports say about the mailbox, and advances past it. */
static int read_sheets(struct merge *m, const struct mailbox_id *id, struct error *e)
{
    size_t at;

    for (size_t i = SHEET_SETTINGS; i <= SHEET_DETAILS; i++) {
        struct sheet *sheet = m->g->sheets[i];
        struct mailbox_id here;

        m->has[i] = false;
        if (m->next[i] == sheet_count(sheet))
            continue;
        here = sheet_id(sheet, m->next[i]);
        m->has[i] = compare_ids(&here, id) == 0;
        if (m->has[i] && sheet_get(sheet, m->next[i]++, &m->rows[i], e) != 0)
            return -1;
    }
    m->has[SHEET_POLICIES] = sheet_find_id(m->g->sheets[SHEET_POLICIES], id, &at);
    if (m->has[SHEET_POLICIES] && sheet_get(m->g->sheets[SHEET_POLICIES], at, &m->rows[SHEET_POLICIES], e) != 0)
        return -1;
    return 0;
}

static int by_id(const void *a, const void *b)
{
    return compare_ids(a, b);
}

static int add_id(struct ids *ids, const struct mailbox_id *id, struct error *e)
{
    if (ids->n == ids->cap) {
        size_t cap = ids->cap == 0 ? 64 : ids->cap * 2;
        struct mailbox_id *bigger = realloc(ids->p, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu mailboxes with other ids, or gone", ids->n);
        ids->p = bigger;
        ids->cap = cap;
    }
    ids->p[ids->n++] = *id;
    return 0;
}

static bool is_in_exports(const struct merge *m, const struct mailbox_id *id)
{
    size_t ignored;

    return sheet_find_id(m->g->sheets[SHEET_SETTINGS], id, &ignored) ||
           sheet_find_id(m->g->sheets[SHEET_DETAILS], id, &ignored);
}

/*
 * A mailbox in the exports whose id isn't stored: is its primary address stored under another id? That one doesn't
 * count if it is still in the exports, since then it only has a new address. 1 with *out, 0 for none, -1 with e.
 */
static int stored_elsewhere(struct merge *m, struct mailbox_record *out, struct error *e)
{
    const struct sheet_row *row = &m->rows[m->has[SHEET_SETTINGS] ? SHEET_SETTINGS : SHEET_DETAILS];
    struct mailbox_id old;

    if (m->before == NULL || m->before->mailboxes == 0 || !merge_stored_primary(m, row->primary, &old) ||
        is_in_exports(m, &old))
        return 0;
    if (directory_mailbox(writer_before(m->w), m->before->tenant, &old, out) != DIRECTORY_FOUND)
        return directory_is_damaged(e);
    return add_id(&m->moved, &old, e) != 0 ? -1 : 1;
}

/* Sets what was stored of the mailbox at which the walk is. */
static int take_stored(struct merge *m, const struct mailbox_id *id, struct merged *out, struct error *e)
{
    int found;

    out->had = m->before != NULL && !m->stored_ended && compare_ids(&m->stored.id, id) == 0;
    if (out->had) {
        out->before = m->stored;
        m->stored_taken = true;
        return 0;
    }
    found = stored_elsewhere(m, &out->before, e);
    out->had = out->moved = found > 0;
    return found < 0 ? -1 : 0;
}

/* The mailboxes that go. They come last, when it is known which of them only have another id. */
static int next_gone(struct merge *m, struct merged *out, struct error *e)
{
    const struct mailbox_id *id;

    if (!m->listed_ended && m->moved.n > 0)
        qsort(m->moved.p, m->moved.n, sizeof *m->moved.p, by_id);
    m->listed_ended = true;
    if (m->gone_next == m->gone.n)
        return 0;
    id = &m->gone.p[m->gone_next++];
    for (size_t i = 0; i < SHEETS; i++)
        m->has[i] = false;
    out->had = true;
    out->moved = m->moved.n > 0 && bsearch(id, m->moved.p, m->moved.n, sizeof *id, by_id) != NULL;
    return directory_mailbox(writer_before(m->w), m->before->tenant, id, &out->before) == DIRECTORY_FOUND
               ? 1
               : directory_is_damaged(e);
}

int merge_next(struct merge *m, struct merged *out, struct error *e)
{
    bool complete = gather_lists_mailboxes(m->g);
    struct mailbox_id id;
    int found;

    *out = (struct merged){0};
    for (;;) {
        found = m->listed_ended ? 0 : lowest_id(m, &id, e);
        if (found < 0 || (found > 0 && read_sheets(m, &id, e) != 0))
            return -1;
        if (found == 0)
            return next_gone(m, out, e);
        if (m->has[SHEET_SETTINGS] || m->has[SHEET_DETAILS] || !complete)
            break;
        m->stored_taken = true;
        if (add_id(&m->gone, &id, e) != 0)
            return -1;
    }
    if (take_stored(m, &id, out, e) != 0)
        return -1;
    m->users_joined += m->has[SHEET_POLICIES];
    return merge_record(m, &id, out, e) != 0 ? -1 : 1;
}
