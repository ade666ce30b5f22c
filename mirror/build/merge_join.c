#include "core/base/hash.h"
#include "mirror/build/merge_private.h"
#include "mirror/words.h"

#include <stdlib.h>

static const char *const same_what[] = {"the address", "the Guid of the mailbox"};

static int twice(const struct merge *m, const char *what, const struct stage_place *a, const struct stage_place *b,
                 struct error *e)
{
    return error_set(e, "%s: %s: %s \"%s\" stood already in %s, %s; each mailbox must be there once", m->paths[b->file],
                     place_words(b->place).text, what, words(address_slice(&b->primary)).text, m->paths[a->file],
                     place_words(a->place).text);
}

/* For mailboxes without a Guid: fixed keys, since the id must be the same in every run and on every relay. */
static struct mailbox_id id_of_address(struct slice tenant, struct slice primary)
{
    static const struct hash_secret keys[2] = {{{UINT64_C(0x706f737465726e31), UINT64_C(0x6d61696c626f7831)}},
                                               {{UINT64_C(0x706f737465726e32), UINT64_C(0x6d61696c626f7832)}}};
    struct mailbox_id id;
    char text[64 + 1 + ADDRESS_OF_NAME_MAX + 1];
    struct buf b = BUF_OVER(text);

    buf_add(&b, tenant);
    buf_add_char(&b, '\n');
    buf_add(&b, primary);
    for (size_t i = 0; i < 2; i++) {
        uint64_t half = hash_slice(&keys[i], buf_slice(&b));

        memcpy(id.b + 8 * i, &half, sizeof half);
    }
    return id;
}

/* The stored mailbox with this primary address. */
static bool stored_primary(const struct merge *m, struct slice primary, struct mailbox_id *id)
{
    const struct directory_view *view = writer_before(m->w);
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n = 0;

    if (m->before == NULL || view == NULL ||
        directory_by_address(view, m->before->tenant, primary, refs, &n) != DIRECTORY_FOUND)
        return false;
    for (unsigned i = 0; i < n; i++) {
        if ((refs[i].identity & IDENTITY_PRIMARY) != 0) {
            *id = refs[i].id;
            return true;
        }
    }
    return false;
}

/* Do two rows say of one thing that it is two: both tell it, and not the same? */
static bool differ(struct slice a, struct slice b)
{
    return a.n > 0 && b.n > 0 && !slice_ieq(a, b);
}

/*
 * A row of Get-Mailbox whose primary address has another Guid in Get-CASMailbox: of two worlds, where one of the files
 * was exported on premises. It is the same mailbox, and its id the one that the settings have, unless ExchangeGuid or
 * ExternalDirectoryObjectId say that they are two.
 */
static int join_worlds(struct merge *m, struct error *e)
{
    struct stage *settings = m->g->stages[STAGE_SETTINGS], *details = m->g->stages[STAGE_DETAILS];

    for (size_t i = 0; i < stage_count(details); i++) {
        struct staged row, other;
        struct mailbox_id id;
        size_t j;
        int found;

        if (!stage_has_guid(details, i) || stage_has_like(settings, details, i))
            continue;
        if (stage_get(details, i, &row, e) != 0 || (found = stage_find_primary(settings, row.primary, &j, e)) < 0)
            return -1;
        if (found == 0 || !stage_has_guid(settings, j))
            continue;
        id = stage_id(settings, j);
        if (stage_get(settings, j, &other, e) != 0)
            return -1;
        if (differ(row.exchange, other.exchange) || (row.exchange.n == 0 && differ(row.object, other.object)))
            return error_set(
                e,
                "\"%s\" is one mailbox in %s (%s) and another in %s (%s): their Guid and their ExchangeGuid or "
                "ExternalDirectoryObjectId differ; export both files from the same organization, at the same "
                "time",
                words(row.primary).text, m->paths[other.file], place_words(other.place).text, m->paths[row.file],
                place_words(row.place).text);
        stage_set_id(details, i, &id);
    }
    return 0;
}

/* Gives the rows of `stage` that have no Guid the id of the mailbox that has their primary address. */
static int give_ids(struct merge *m, struct stage *stage, struct stage *other, struct error *e)
{
    for (size_t i = 0; i < stage_count(stage); i++) {
        struct staged row;
        struct mailbox_id id;
        size_t j;
        int found;

        if (stage_has_guid(stage, i))
            continue;
        if (stage_get(stage, i, &row, e) != 0)
            return -1;
        found = stage_find_primary(other, row.primary, &j, e);
        if (found < 0)
            return -1;
        if (found > 0 && stage_has_guid(other, j))
            id = stage_id(other, j);
        else if (!stored_primary(m, row.primary, &id))
            id = id_of_address(m->tenant_name, row.primary);
        stage_set_id(stage, i, &id);
    }
    return 0;
}

static int add_move(struct merge *m, const struct mailbox_id *to, const struct mailbox_id *from, struct error *e)
{
    if (m->n_moves == m->moves_cap) {
        size_t cap = m->moves_cap == 0 ? 64 : m->moves_cap * 2;
        struct move *bigger = realloc(m->moves, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu mailboxes with new ids", m->n_moves);
        m->moves = bigger;
        m->moves_cap = cap;
    }
    m->moves[m->n_moves++] = (struct move){*to, *from};
    return 0;
}

/* Is the mailbox with this id of the exports stored, under another id, with the same primary address? */
static int find_move(struct merge *m, struct stage *stage, size_t i, struct error *e)
{
    struct mailbox_id id = stage_id(stage, i), old;
    struct mailbox_record record = {0};
    struct staged row;
    size_t ignored;

    if (writer_get_mailbox(m->w, m->before->tenant, &id, &record) != DIRECTORY_NOT_FOUND) {
        trim_step(&m->trim, record.primary.p);
        return 0;
    }
    if (stage_get(stage, i, &row, e) != 0)
        return -1;
    if (!stored_primary(m, row.primary, &old))
        return 0;
    for (size_t s = STAGE_SETTINGS; s <= STAGE_DETAILS; s++)
        if (stage_find_id(m->g->stages[s], &old, &ignored))
            return 0; /* the old one is still there: it has another address now */
    return add_move(m, &id, &old, e);
}

static int compare_to(const void *a, const void *b)
{
    return memcmp(((const struct move *)a)->to.b, ((const struct move *)b)->to.b, sizeof(struct mailbox_id));
}

static int compare_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mailbox_id));
}

static int find_moves(struct merge *m, struct error *e)
{
    struct stage *settings = m->g->stages[STAGE_SETTINGS];
    struct stage *details = m->g->stages[STAGE_DETAILS];

    if (m->before == NULL || m->before->mailboxes == 0)
        return 0;
    for (size_t i = 0; i < stage_count(settings); i++)
        if (find_move(m, settings, i, e) != 0)
            return -1;
    for (size_t i = 0, j; i < stage_count(details); i++) {
        struct mailbox_id id = stage_id(details, i);

        if (!stage_find_id(settings, &id, &j) && find_move(m, details, i, e) != 0)
            return -1;
    }
    if (m->n_moves == 0)
        return 0;
    qsort(m->moves, m->n_moves, sizeof *m->moves, compare_to);
    m->moved_from = calloc(m->n_moves, sizeof *m->moved_from);
    if (m->moved_from == NULL)
        return error_set(e, "no memory for %zu mailboxes with new ids", m->n_moves);
    for (size_t i = 0; i < m->n_moves; i++)
        m->moved_from[i] = m->moves[i].from;
    qsort(m->moved_from, m->n_moves, sizeof *m->moved_from, compare_id);
    return 0;
}

int merge_join(struct merge *m, struct error *e)
{
    struct stage **stages = m->g->stages;
    struct stage_place a, b;
    int same;

    for (size_t i = STAGE_SETTINGS; i <= STAGE_DETAILS; i++)
        if ((same = stage_sort_by_primary(stages[i], &a, &b, e)) != 0)
            return same < 0 ? -1 : twice(m, same_what[0], &a, &b, e);
    if (join_worlds(m, e) != 0 || give_ids(m, stages[STAGE_SETTINGS], stages[STAGE_DETAILS], e) != 0 ||
        give_ids(m, stages[STAGE_DETAILS], stages[STAGE_SETTINGS], e) != 0)
        return -1;
    for (size_t i = 0; i < STAGES; i++)
        if ((same = stage_sort_by_id(stages[i], &a, &b, e)) != 0)
            return same < 0 ? -1 : twice(m, same_what[1], &a, &b, e);
    return find_moves(m, e);
}
