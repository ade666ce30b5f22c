#include "mirror/build/merge.h"

#include "mirror/build/merge_private.h"

#include <stdlib.h>

void merge_close(struct merge *m)
{
    if (m == NULL)
        return;
    free(m->moves);
    free(m->moved_from);
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
    if (merge_join(m, e) != 0) {
        merge_close(m);
        return -1;
    }
    merge_rewind(m);
    *out = m;
    return 0;
}

void merge_rewind(struct merge *m)
{
    for (size_t i = 0; i < STAGES; i++)
        m->next[i] = 0;
    m->stored_begun = m->stored_ended = false;
    m->users_joined = 0;
}

size_t merge_users_without_mailbox(const struct merge *m)
{
    return stage_count(m->g->stages[STAGE_POLICIES]) - m->users_joined;
}

struct slice merge_names(const struct merge *m, enum stage_of stage)
{
    return m->has[stage] ? m->rows[stage].names : (struct slice){NULL, 0};
}

/* The stored mailbox that the walk is at. 1, 0 at the end, -1 with e. */
static int stored_mailbox(struct merge *m, struct error *e)
{
    enum directory_result result;

    if (m->before == NULL || m->stored_ended)
        return 0;
    if (m->stored_begun && !m->stored_taken)
        return 1;
    result = writer_next_mailbox(m->w, m->before->tenant, m->stored_begun ? &m->stored.id : NULL, &m->stored);
    if (result == DIRECTORY_DAMAGED)
        return error_set(e, "the directory holds a damaged mailbox; run \"postern check\"");
    trim_step(&m->trim, m->stored.primary.p);
    m->stored_begun = true;
    m->stored_taken = false;
    m->stored_ended = result != DIRECTORY_FOUND;
    return m->stored_ended ? 0 : 1;
}

static int compare_ids(const struct mailbox_id *a, const struct mailbox_id *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}

/* The lowest id that the exports or the directory have next. 1, 0 at the end, -1 with e. */
static int lowest_id(struct merge *m, struct mailbox_id *id, struct error *e)
{
    int found = stored_mailbox(m, e);

    if (found < 0)
        return -1;
    if (found > 0)
        *id = m->stored.id;
    for (size_t i = STAGE_SETTINGS; i <= STAGE_DETAILS; i++) {
        struct mailbox_id other;

        if (m->next[i] == stage_count(m->g->stages[i]))
            continue;
        other = stage_id(m->g->stages[i], m->next[i]);
        if (found == 0 || compare_ids(&other, id) < 0)
            *id = other;
        found = 1;
    }
    return found;
}

/* Reads what the exports say of the mailbox, and steps over it. */
static int read_rows(struct merge *m, const struct mailbox_id *id, struct error *e)
{
    size_t at;

    for (size_t i = STAGE_SETTINGS; i <= STAGE_DETAILS; i++) {
        struct stage *stage = m->g->stages[i];
        struct mailbox_id here;

        m->has[i] = false;
        if (m->next[i] == stage_count(stage))
            continue;
        here = stage_id(stage, m->next[i]);
        m->has[i] = compare_ids(&here, id) == 0;
        if (m->has[i] && stage_get(stage, m->next[i]++, &m->rows[i], e) != 0)
            return -1;
    }
    m->has[STAGE_POLICIES] = stage_find_id(m->g->stages[STAGE_POLICIES], id, &at);
    if (m->has[STAGE_POLICIES] && stage_get(m->g->stages[STAGE_POLICIES], at, &m->rows[STAGE_POLICIES], e) != 0)
        return -1;
    return 0;
}

static int by_new(const void *a, const void *b)
{
    return compare_ids(&((const struct move *)a)->to, &((const struct move *)b)->to);
}

static int by_old(const void *a, const void *b)
{
    return compare_ids(a, b);
}

/* The record under which a mailbox of the exports was stored before its id changed. 1, 0 for none, -1 with e. */
static int stored_elsewhere(const struct merge *m, const struct mailbox_id *id, struct mailbox_record *out,
                            struct error *e)
{
    struct move key = {.to = *id};
    const struct move *move = m->n_moves == 0 ? NULL : bsearch(&key, m->moves, m->n_moves, sizeof *m->moves, by_new);

    if (move == NULL || m->before == NULL)
        return 0;
    if (writer_get_mailbox(m->w, m->before->tenant, &move->from, out) != DIRECTORY_FOUND)
        return error_set(e, "the directory holds a damaged mailbox; run \"postern check\"");
    return 1;
}

int merge_next(struct merge *m, struct merged *out, struct error *e)
{
    struct mailbox_id id;
    bool listed;
    int found = lowest_id(m, &id, e);

    if (found <= 0)
        return found;
    *out = (struct merged){0};
    if (read_rows(m, &id, e) != 0)
        return -1;
    listed = m->has[STAGE_SETTINGS] || m->has[STAGE_DETAILS];
    out->had = m->before != NULL && !m->stored_ended && compare_ids(&m->stored.id, &id) == 0;
    if (out->had) {
        out->before = m->stored;
        m->stored_taken = true;
    } else {
        found = stored_elsewhere(m, &id, &out->before, e);
        if (found < 0)
            return -1;
        out->had = out->moved = found > 0;
    }
    out->has = listed || !gather_lists_mailboxes(m->g);
    if (!out->has) {
        out->moved = m->n_moves > 0 && bsearch(&id, m->moved_from, m->n_moves, sizeof id, by_old) != NULL;
        return 1;
    }
    m->users_joined += m->has[STAGE_POLICIES];
    return merge_record(m, &id, out, e) != 0 ? -1 : 1;
}
