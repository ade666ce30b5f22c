#include "mirror/build/sheet.h"

#include "mirror/build/scratch.h"

#include <stdlib.h>
#include <sys/random.h>

/* One mailbox: 32 bytes, since there may be millions. */
struct sheet_entry {
    struct mailbox_id id;
    uint64_t at : 63, has_guid : 1;
    uint64_t primary; /* hash of the primary address */
};
_Static_assert(sizeof(struct sheet_entry) == 32, "the figure in sheet.h");

#define TEXTS 10
/* Precedes a record's texts in the scratch file, in the machine's own representation. */
struct row_head {
    uint32_t says, file, place;
    uint32_t smtp_auth, recipient_type, enabled;
    uint32_t lengths[TEXTS];
};

struct sheet {
    struct scratch *scratch;
    struct hash_secret secret;
    struct sheet_entry *entries;
    size_t n, cap;
    char *texts; /* of the record that was read last */
    size_t texts_cap;
};

int sheet_open(const char *folder, const struct sheet *like, struct sheet **out, struct error *e)
{
    struct sheet *sheet = calloc(1, sizeof *sheet);

    *out = NULL;
    if (sheet == NULL)
        return error_set(e, "no memory to gather mailboxes");
    if (scratch_open(folder, &sheet->scratch, e) != 0) {
        free(sheet);
        return -1;
    }
    /* A secret of the run, so that nobody can craft addresses with equal hashes to hide a duplicate. */
    if (like != NULL)
        sheet->secret = like->secret;
    else if (getrandom(&sheet->secret, sizeof sheet->secret, 0) != (ssize_t)sizeof sheet->secret) {
        sheet_close(sheet);
        return error_set(e, "the system gives no random numbers");
    }
    *out = sheet;
    return 0;
}

void sheet_close(struct sheet *sheet)
{
    if (sheet == NULL)
        return;
    scratch_close(sheet->scratch);
    free(sheet->entries);
    free(sheet->texts);
    free(sheet);
}

size_t sheet_count(const struct sheet *sheet)
{
    return sheet->n;
}

void sheet_cut(struct sheet *sheet, size_t n)
{
    if (n < sheet->n)
        sheet->n = n;
}

/* A record's texts, in the order of the scratch file. */
static void texts_of(const struct sheet_row *row, struct slice texts[TEXTS])
{
    texts[0] = row->primary;
    texts[1] = row->upn;
    texts[2] = row->alias;
    texts[3] = row->account;
    texts[4] = row->name;
    texts[5] = row->policy;
    texts[6] = row->proxies;
    texts[7] = row->names;
    texts[8] = row->object;
    texts[9] = row->exchange;
}

static int grow(struct sheet *sheet, struct error *e)
{
    size_t cap = sheet->cap == 0 ? 1024 : sheet->cap * 2;
    struct sheet_entry *bigger;

    if (sheet->n < sheet->cap)
        return 0;
    bigger = realloc(sheet->entries, cap * sizeof *bigger);
    if (bigger == NULL)
        return error_set(e, "no memory to gather more than %zu mailboxes", sheet->n);
    sheet->entries = bigger;
    sheet->cap = cap;
    return 0;
}

int sheet_add(struct sheet *sheet, const struct sheet_row *row, struct error *e)
{
    struct slice texts[TEXTS];
    struct row_head head = {.says = row->says,
                            .file = row->file,
                            .place = row->place,
                            .smtp_auth = (uint32_t)row->smtp_auth,
                            .recipient_type = (uint32_t)row->recipient_type,
                            .enabled = row->enabled};
    uint64_t at, ignored;

    if (grow(sheet, e) != 0)
        return -1;
    texts_of(row, texts);
    for (size_t i = 0; i < TEXTS; i++)
        head.lengths[i] = (uint32_t)texts[i].n;
    if (scratch_add(sheet->scratch, (struct slice){(const char *)&head, sizeof head}, &at, e) != 0)
        return -1;
    for (size_t i = 0; i < TEXTS; i++)
        if (scratch_add(sheet->scratch, texts[i], &ignored, e) != 0)
            return -1;
    sheet->entries[sheet->n++] = (struct sheet_entry){.id = row->id,
                                                      .at = at & (UINT64_MAX >> 1),
                                                      .has_guid = row->has_guid,
                                                      .primary = hash_slice(&sheet->secret, row->primary)};
    return 0;
}

static int grow_texts(struct sheet *sheet, size_t n, struct error *e)
{
    char *bigger;

    if (n <= sheet->texts_cap)
        return 0;
    bigger = realloc(sheet->texts, n);
    if (bigger == NULL)
        return error_set(e, "no memory for a mailbox of %zu bytes", n);
    sheet->texts = bigger;
    sheet->texts_cap = n;
    return 0;
}

static int get_entry(struct sheet *sheet, const struct sheet_entry *entry, struct sheet_row *out, struct error *e)
{
    struct slice texts[TEXTS];
    struct row_head head;
    size_t n = 0;

    if (scratch_get(sheet->scratch, entry->at, &head, sizeof head, e) != 0)
        return -1;
    for (size_t i = 0; i < TEXTS; i++)
        n += head.lengths[i];
    if (grow_texts(sheet, n, e) != 0 || scratch_get(sheet->scratch, entry->at + sizeof head, sheet->texts, n, e) != 0)
        return -1;
    for (size_t i = 0, at = 0; i < TEXTS; at += head.lengths[i++])
        texts[i] = (struct slice){sheet->texts == NULL ? NULL : sheet->texts + at, head.lengths[i]};
    *out = (struct sheet_row){
        .id = entry->id,
        .has_guid = entry->has_guid,
        .says = head.says,
        .file = head.file,
        .place = head.place,
        .smtp_auth = (enum smtp_auth)head.smtp_auth,
        .recipient_type = (enum recipient_type)head.recipient_type,
        .enabled = head.enabled != 0,
        .primary = texts[0],
        .upn = texts[1],
        .alias = texts[2],
        .account = texts[3],
        .name = texts[4],
        .policy = texts[5],
        .proxies = texts[6],
        .names = texts[7],
        .object = texts[8],
        .exchange = texts[9],
    };
    return 0;
}

int sheet_get(struct sheet *sheet, size_t i, struct sheet_row *out, struct error *e)
{
    return get_entry(sheet, &sheet->entries[i], out, e);
}

void sheet_set_id(struct sheet *sheet, size_t i, const struct mailbox_id *id)
{
    sheet->entries[i].id = *id;
}

struct mailbox_id sheet_id(const struct sheet *sheet, size_t i)
{
    return sheet->entries[i].id;
}

bool sheet_has_guid(const struct sheet *sheet, size_t i)
{
    return sheet->entries[i].has_guid;
}

/* Equal keys stay in order of arrival, which is the scratch file's. */
static int by_place(const struct sheet_entry *a, const struct sheet_entry *b)
{
    return a->at < b->at ? -1 : a->at > b->at;
}

static int by_primary(const void *a, const void *b)
{
    const struct sheet_entry *x = a, *y = b;

    return x->primary != y->primary ? (x->primary < y->primary ? -1 : 1) : by_place(x, y);
}

static int by_id(const void *a, const void *b)
{
    int order =
        memcmp(((const struct sheet_entry *)a)->id.b, ((const struct sheet_entry *)b)->id.b, sizeof(struct mailbox_id));

    return order != 0 ? order : by_place(a, b);
}

static int place_of(struct sheet *sheet, const struct sheet_entry *entry, struct sheet_place *place, struct error *e)
{
    struct sheet_row row;
    size_t n;

    if (get_entry(sheet, entry, &row, e) != 0)
        return -1;
    n = row.primary.n < ADDRESS_OF_NAME_MAX ? row.primary.n : ADDRESS_OF_NAME_MAX;
    *place = (struct sheet_place){.file = row.file, .place = row.place};
    memcpy(place->primary.text, row.primary.p, n);
    place->primary.n = (uint16_t)n;
    return 0;
}

/* A record with its texts, as in the scratch file, but with its file and place cleared. *p is malloc'ed or NULL. */
static int read_record(struct sheet *sheet, const struct sheet_entry *entry, char **p, size_t *n, struct error *e)
{
    struct row_head head;

    if (scratch_get(sheet->scratch, entry->at, &head, sizeof head, e) != 0)
        return -1;
    *n = sizeof head;
    for (size_t i = 0; i < TEXTS; i++)
        *n += head.lengths[i];
    *p = malloc(*n);
    if (*p == NULL)
        return error_set(e, "no memory for a mailbox of %zu bytes", *n);
    head.place = head.file = 0;
    memcpy(*p, &head, sizeof head);
    return scratch_get(sheet->scratch, entry->at + sizeof head, *p + sizeof head, *n - sizeof head, e);
}

/* 1 when both records say exactly the same, 0 when not, -1 with e. */
static int same_words(struct sheet *sheet, const struct sheet_entry *a, const struct sheet_entry *b, struct error *e)
{
    char *x = NULL, *y = NULL;
    size_t x_n = 0, y_n = 0;
    int result = -1;

    if (a->has_guid != b->has_guid || (a->has_guid && memcmp(&a->id, &b->id, sizeof a->id) != 0))
        return 0;
    if (read_record(sheet, a, &x, &x_n, e) == 0 && read_record(sheet, b, &y, &y_n, e) == 0)
        result = x != NULL && y != NULL && x_n == y_n && memcmp(x, y, x_n) == 0;
    free(x);
    free(y);
    return result;
}

static bool equal_primary(const struct sheet_entry *a, const struct sheet_entry *b)
{
    return a->primary == b->primary;
}

static bool equal_id(const struct sheet_entry *a, const struct sheet_entry *b)
{
    return memcmp(&a->id, &b->id, sizeof a->id) == 0;
}

/* In an order in which equal keys are neighbours: of neighbours that say the same, keeps the first. */
static int unite_equal(struct sheet *sheet, bool (*equal)(const struct sheet_entry *, const struct sheet_entry *),
                       struct error *e)
{
    size_t kept = 0;

    for (size_t i = 0; i < sheet->n; i++) {
        int same = kept > 0 && equal(&sheet->entries[kept - 1], &sheet->entries[i])
                       ? same_words(sheet, &sheet->entries[kept - 1], &sheet->entries[i], e)
                       : 0;

        if (same < 0)
            return -1;
        if (same == 0)
            sheet->entries[kept++] = sheet->entries[i];
    }
    sheet->n = kept;
    return 0;
}

int sheet_sort_by_primary(struct sheet *sheet, struct sheet_place *first, struct sheet_place *second, struct error *e)
{
    if (sheet->n > 0)
        qsort(sheet->entries, sheet->n, sizeof *sheet->entries, by_primary);
    if (unite_equal(sheet, equal_primary, e) != 0)
        return -1;
    for (size_t i = 1; i < sheet->n; i++) {
        if (sheet->entries[i - 1].primary != sheet->entries[i].primary)
            continue;
        if (place_of(sheet, &sheet->entries[i - 1], first, e) != 0 ||
            place_of(sheet, &sheet->entries[i], second, e) != 0)
            return -1;
        if (slice_eq(address_slice(&first->primary), address_slice(&second->primary)))
            return 1;
    }
    return 0;
}

int sheet_sort_by_id(struct sheet *sheet, struct sheet_place *first, struct sheet_place *second, struct error *e)
{
    if (sheet->n > 0)
        qsort(sheet->entries, sheet->n, sizeof *sheet->entries, by_id);
    if (unite_equal(sheet, equal_id, e) != 0)
        return -1;
    for (size_t i = 1; i < sheet->n; i++) {
        if (!equal_id(&sheet->entries[i - 1], &sheet->entries[i]))
            continue;
        if (place_of(sheet, &sheet->entries[i - 1], first, e) != 0 ||
            place_of(sheet, &sheet->entries[i], second, e) != 0)
            return -1;
        return 1;
    }
    return 0;
}

/* The first record whose primary address has at least this hash. */
static size_t lower_bound(const struct sheet *sheet, uint64_t hash)
{
    size_t low = 0, high = sheet->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (sheet->entries[middle].primary < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool sheet_has_like(const struct sheet *sheet, const struct sheet *like, size_t i)
{
    const struct sheet_entry *wanted = &like->entries[i];

    for (size_t at = lower_bound(sheet, wanted->primary);
         at < sheet->n && sheet->entries[at].primary == wanted->primary; at++)
        if (memcmp(&sheet->entries[at].id, &wanted->id, sizeof wanted->id) == 0)
            return true;
    return false;
}

int sheet_find_primary(struct sheet *sheet, struct slice primary, size_t *i, struct error *e)
{
    uint64_t hash = hash_slice(&sheet->secret, primary);
    size_t low = lower_bound(sheet, hash);

    for (; low < sheet->n && sheet->entries[low].primary == hash; low++) {
        struct sheet_row row;

        if (sheet_get(sheet, low, &row, e) != 0)
            return -1;
        *i = low;
        if (slice_eq(row.primary, primary))
            return 1;
    }
    return 0;
}

bool sheet_find_id(const struct sheet *sheet, const struct mailbox_id *id, size_t *i)
{
    struct sheet_entry key = {.id = *id};
    size_t low = 0, high = sheet->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_id(&sheet->entries[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *i = low;
    return low < sheet->n && memcmp(&sheet->entries[low].id, id, sizeof *id) == 0;
}
