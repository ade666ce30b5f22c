#include "core/base/hash.h"
#include "mirror/build/merge_private.h"
#include "mirror/words.h"

#include <stdlib.h>

static const char *const same_what[] = {"the address", "the Guid of the mailbox"};

static int twice(const struct merge *m, const char *what, const struct sheet_place *a, const struct sheet_place *b,
                 struct error *e)
{
    return error_set(e, "%s: %s: %s \"%s\" stood already in %s, %s; each mailbox must be there once", m->paths[b->file],
                     place_words(b->place).text, what, words(address_slice(&b->primary)).text, m->paths[a->file],
                     place_words(a->place).text);
}

/* The keys are fixed, so that the id is the same in every run and on every relay. */
struct mailbox_id id_of_address(struct slice tenant, struct slice primary)
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

bool merge_stored_primary(const struct merge *m, struct slice primary, struct mailbox_id *id)
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

/* Do both rows have the value, and not the same one? */
static bool differ(struct slice a, struct slice b)
{
    return a.n > 0 && b.n > 0 && !slice_ieq(a, b);
}

/*
 * A row of Get-Mailbox whose primary address has another Guid in Get-CASMailbox: one of the files was exported on
 * premises. It is the same mailbox, with the id from Get-CASMailbox, unless ExchangeGuid or ExternalDirectoryObjectId
 * differ.
 */
static int join_worlds(struct merge *m, struct error *e)
{
    struct sheet *settings = m->g->sheets[SHEET_SETTINGS], *details = m->g->sheets[SHEET_DETAILS];

    for (size_t i = 0; i < sheet_count(details); i++) {
        struct sheet_row row, other;
        struct mailbox_id id;
        size_t j;
        int found;

        if (!sheet_has_guid(details, i) || sheet_has_like(settings, details, i))
            continue;
        if (sheet_get(details, i, &row, e) != 0 || (found = sheet_find_primary(settings, row.primary, &j, e)) < 0)
            return -1;
        if (found == 0 || !sheet_has_guid(settings, j))
            continue;
        id = sheet_id(settings, j);
        if (sheet_get(settings, j, &other, e) != 0)
            return -1;
        if (differ(row.exchange, other.exchange) || (row.exchange.n == 0 && differ(row.object, other.object)))
            return error_set(
                e,
                "\"%s\" is one mailbox in %s (%s) and another in %s (%s): their Guid and their ExchangeGuid or "
                "ExternalDirectoryObjectId differ; export both files from the same organization, at the same "
                "time",
                words(row.primary).text, m->paths[other.file], place_words(other.place).text, m->paths[row.file],
                place_words(row.place).text);
        sheet_set_id(details, i, &id);
    }
    return 0;
}

/* Gives each row of `sheet` without a Guid the id of the mailbox that has its primary address. */
static int give_ids(struct merge *m, struct sheet *sheet, struct sheet *other, struct error *e)
{
    for (size_t i = 0; i < sheet_count(sheet); i++) {
        struct sheet_row row;
        struct mailbox_id id;
        size_t j;
        int found;

        if (sheet_has_guid(sheet, i))
            continue;
        if (sheet_get(sheet, i, &row, e) != 0)
            return -1;
        found = sheet_find_primary(other, row.primary, &j, e);
        if (found < 0)
            return -1;
        if (found > 0 && sheet_has_guid(other, j))
            id = sheet_id(other, j);
        else if (!merge_stored_primary(m, row.primary, &id))
            id = id_of_address(m->tenant_name, row.primary);
        sheet_set_id(sheet, i, &id);
    }
    return 0;
}

int merge_join(struct merge *m, struct error *e)
{
    struct sheet **sheets = m->g->sheets;
    struct sheet_place a, b;
    int same;

    for (size_t i = SHEET_SETTINGS; i <= SHEET_DETAILS; i++)
        if ((same = sheet_sort_by_primary(sheets[i], &a, &b, e)) != 0)
            return same < 0 ? -1 : twice(m, same_what[0], &a, &b, e);
    if (join_worlds(m, e) != 0 || give_ids(m, sheets[SHEET_SETTINGS], sheets[SHEET_DETAILS], e) != 0 ||
        give_ids(m, sheets[SHEET_DETAILS], sheets[SHEET_SETTINGS], e) != 0)
        return -1;
    for (size_t i = 0; i < SHEETS; i++)
        if ((same = sheet_sort_by_id(sheets[i], &a, &b, e)) != 0)
            return same < 0 ? -1 : twice(m, same_what[1], &a, &b, e);
    return 0;
}
