#include "mirror/build/stage.h"

#include "mirror/build/scratch.h"

#include <stdlib.h>
#include <sys/random.h>

/* One mailbox: 32 bytes, since there may be millions. */
struct entry {
    struct mailbox_id id;
    uint64_t at : 63, has_guid : 1;
    uint64_t primary; /* hash of the primary address */
};
_Static_assert(sizeof(struct entry) == 32, "the figure in stage.h");

#define TEXTS 10
/* What stands in front of a record's texts in the scratch file, in this machine's own form. */
struct head {
    uint32_t knows, file, place;
    uint32_t smtp_auth, recipient_type;
    uint32_t lengths[TEXTS];
};

struct stage {
    struct scratch *scratch;
    struct hash_secret secret;
    struct entry *entries;
    size_t n, cap;
    char *texts; /* of the record that was read last */
    size_t texts_cap;
};

int stage_open(const char *folder, const struct stage *like, struct stage **out, struct error *e)
{
    struct stage *stage = calloc(1, sizeof *stage);

    *out = NULL;
    if (stage == NULL)
        return error_set(e, "no memory to gather mailboxes");
    if (scratch_open(folder, &stage->scratch, e) != 0) {
        free(stage);
        return -1;
    }
    /* A secret of this run, so that nobody can choose addresses with one hash, which would hide a third one's twin. */
    if (like != NULL)
        stage->secret = like->secret;
    else if (getrandom(&stage->secret, sizeof stage->secret, 0) != (ssize_t)sizeof stage->secret) {
        stage_close(stage);
        return error_set(e, "the system gives no random numbers");
    }
    *out = stage;
    return 0;
}

void stage_close(struct stage *stage)
{
    if (stage == NULL)
        return;
    scratch_close(stage->scratch);
    free(stage->entries);
    free(stage->texts);
    free(stage);
}

size_t stage_count(const struct stage *stage)
{
    return stage->n;
}

void stage_cut(struct stage *stage, size_t n)
{
    if (n < stage->n)
        stage->n = n;
}

/* The texts of a record in the order of the scratch file. */
static void texts_of(const struct staged *staged, struct slice texts[TEXTS])
{
    texts[0] = staged->primary;
    texts[1] = staged->upn;
    texts[2] = staged->alias;
    texts[3] = staged->account;
    texts[4] = staged->name;
    texts[5] = staged->policy;
    texts[6] = staged->proxies;
    texts[7] = staged->names;
    texts[8] = staged->object;
    texts[9] = staged->exchange;
}

static int grow(struct stage *stage, struct error *e)
{
    size_t cap = stage->cap == 0 ? 1024 : stage->cap * 2;
    struct entry *bigger;

    if (stage->n < stage->cap)
        return 0;
    bigger = realloc(stage->entries, cap * sizeof *bigger);
    if (bigger == NULL)
        return error_set(e, "no memory to gather more than %zu mailboxes", stage->n);
    stage->entries = bigger;
    stage->cap = cap;
    return 0;
}

int stage_add(struct stage *stage, const struct staged *staged, struct error *e)
{
    struct slice texts[TEXTS];
    struct head head = {.knows = staged->knows,
                        .file = staged->file,
                        .place = staged->place,
                        .smtp_auth = (uint32_t)staged->smtp_auth,
                        .recipient_type = (uint32_t)staged->recipient_type};
    uint64_t at, ignored;

    if (grow(stage, e) != 0)
        return -1;
    texts_of(staged, texts);
    for (size_t i = 0; i < TEXTS; i++)
        head.lengths[i] = (uint32_t)texts[i].n;
    if (scratch_add(stage->scratch, (struct slice){(const char *)&head, sizeof head}, &at, e) != 0)
        return -1;
    for (size_t i = 0; i < TEXTS; i++)
        if (scratch_add(stage->scratch, texts[i], &ignored, e) != 0)
            return -1;
    stage->entries[stage->n++] = (struct entry){.id = staged->id,
                                                .at = at & (UINT64_MAX >> 1),
                                                .has_guid = staged->has_guid,
                                                .primary = hash_slice(&stage->secret, staged->primary)};
    return 0;
}

static int make_room(struct stage *stage, size_t n, struct error *e)
{
    char *bigger;

    if (n <= stage->texts_cap)
        return 0;
    bigger = realloc(stage->texts, n);
    if (bigger == NULL)
        return error_set(e, "no memory for a mailbox of %zu bytes", n);
    stage->texts = bigger;
    stage->texts_cap = n;
    return 0;
}

static int get_entry(struct stage *stage, const struct entry *entry, struct staged *out, struct error *e)
{
    struct slice texts[TEXTS];
    struct head head;
    size_t n = 0;

    if (scratch_get(stage->scratch, entry->at, &head, sizeof head, e) != 0)
        return -1;
    for (size_t i = 0; i < TEXTS; i++)
        n += head.lengths[i];
    if (make_room(stage, n, e) != 0 || scratch_get(stage->scratch, entry->at + sizeof head, stage->texts, n, e) != 0)
        return -1;
    for (size_t i = 0, at = 0; i < TEXTS; at += head.lengths[i++])
        texts[i] = (struct slice){stage->texts == NULL ? NULL : stage->texts + at, head.lengths[i]};
    *out = (struct staged){
        .id = entry->id,
        .has_guid = entry->has_guid,
        .knows = head.knows,
        .file = head.file,
        .place = head.place,
        .smtp_auth = (enum smtp_auth)head.smtp_auth,
        .recipient_type = (enum recipient_type)head.recipient_type,
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

int stage_get(struct stage *stage, size_t i, struct staged *out, struct error *e)
{
    return get_entry(stage, &stage->entries[i], out, e);
}

void stage_set_id(struct stage *stage, size_t i, const struct mailbox_id *id)
{
    stage->entries[i].id = *id;
}

struct mailbox_id stage_id(const struct stage *stage, size_t i)
{
    return stage->entries[i].id;
}

bool stage_has_guid(const struct stage *stage, size_t i)
{
    return stage->entries[i].has_guid;
}

/* Equal keys in the order in which they came: the scratch file's. */
static int by_place(const struct entry *a, const struct entry *b)
{
    return a->at < b->at ? -1 : a->at > b->at;
}

static int by_primary(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->primary != y->primary ? (x->primary < y->primary ? -1 : 1) : by_place(x, y);
}

static int by_id(const void *a, const void *b)
{
    int order = memcmp(((const struct entry *)a)->id.b, ((const struct entry *)b)->id.b, sizeof(struct mailbox_id));

    return order != 0 ? order : by_place(a, b);
}

static int place_of(struct stage *stage, const struct entry *entry, struct stage_place *place, struct error *e)
{
    struct staged staged;
    size_t n;

    if (get_entry(stage, entry, &staged, e) != 0)
        return -1;
    n = staged.primary.n < ADDRESS_OF_NAME_MAX ? staged.primary.n : ADDRESS_OF_NAME_MAX;
    *place = (struct stage_place){.file = staged.file, .place = staged.place};
    memcpy(place->primary.text, staged.primary.p, n);
    place->primary.n = (uint16_t)n;
    return 0;
}

/* A record with its texts behind it, as in the scratch file, but for where it came from. *p is malloc'ed or NULL. */
static int read_whole(struct stage *stage, const struct entry *entry, char **p, size_t *n, struct error *e)
{
    struct head head;

    if (scratch_get(stage->scratch, entry->at, &head, sizeof head, e) != 0)
        return -1;
    *n = sizeof head;
    for (size_t i = 0; i < TEXTS; i++)
        *n += head.lengths[i];
    *p = malloc(*n);
    if (*p == NULL)
        return error_set(e, "no memory for a mailbox of %zu bytes", *n);
    head.place = head.file = 0;
    memcpy(*p, &head, sizeof head);
    return scratch_get(stage->scratch, entry->at + sizeof head, *p + sizeof head, *n - sizeof head, e);
}

/* 1 when both say the same in every word, 0 when not, -1 with e. */
static int same_words(struct stage *stage, const struct entry *a, const struct entry *b, struct error *e)
{
    char *x = NULL, *y = NULL;
    size_t x_n = 0, y_n = 0;
    int result = -1;

    if (a->has_guid != b->has_guid || (a->has_guid && memcmp(&a->id, &b->id, sizeof a->id) != 0))
        return 0;
    if (read_whole(stage, a, &x, &x_n, e) == 0 && read_whole(stage, b, &y, &y_n, e) == 0)
        result = x != NULL && y != NULL && x_n == y_n && memcmp(x, y, x_n) == 0;
    free(x);
    free(y);
    return result;
}

/* In the order by primary: keeps the first of records that say the same. */
static int unite_equal(struct stage *stage, struct error *e)
{
    size_t kept = 0;

    for (size_t i = 0; i < stage->n; i++) {
        int same = kept > 0 && stage->entries[kept - 1].primary == stage->entries[i].primary
                       ? same_words(stage, &stage->entries[kept - 1], &stage->entries[i], e)
                       : 0;

        if (same < 0)
            return -1;
        if (same == 0)
            stage->entries[kept++] = stage->entries[i];
    }
    stage->n = kept;
    return 0;
}

int stage_sort_by_primary(struct stage *stage, struct stage_place *first, struct stage_place *second, struct error *e)
{
    if (stage->n > 0)
        qsort(stage->entries, stage->n, sizeof *stage->entries, by_primary);
    if (unite_equal(stage, e) != 0)
        return -1;
    for (size_t i = 1; i < stage->n; i++) {
        if (stage->entries[i - 1].primary != stage->entries[i].primary)
            continue;
        if (place_of(stage, &stage->entries[i - 1], first, e) != 0 ||
            place_of(stage, &stage->entries[i], second, e) != 0)
            return -1;
        if (slice_eq(address_slice(&first->primary), address_slice(&second->primary)))
            return 1;
    }
    return 0;
}

int stage_sort_by_id(struct stage *stage, struct stage_place *first, struct stage_place *second, struct error *e)
{
    if (stage->n > 0)
        qsort(stage->entries, stage->n, sizeof *stage->entries, by_id);
    for (size_t i = 1; i < stage->n; i++) {
        if (memcmp(&stage->entries[i - 1].id, &stage->entries[i].id, sizeof stage->entries->id) != 0)
            continue;
        if (place_of(stage, &stage->entries[i - 1], first, e) != 0 ||
            place_of(stage, &stage->entries[i], second, e) != 0)
            return -1;
        return 1;
    }
    return 0;
}

/* The first record whose primary address has at least this hash. */
static size_t lower_bound(const struct stage *stage, uint64_t hash)
{
    size_t low = 0, high = stage->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (stage->entries[middle].primary < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool stage_has_like(const struct stage *stage, const struct stage *like, size_t i)
{
    const struct entry *wanted = &like->entries[i];

    for (size_t at = lower_bound(stage, wanted->primary);
         at < stage->n && stage->entries[at].primary == wanted->primary; at++)
        if (memcmp(&stage->entries[at].id, &wanted->id, sizeof wanted->id) == 0)
            return true;
    return false;
}

int stage_find_primary(struct stage *stage, struct slice primary, size_t *i, struct error *e)
{
    uint64_t hash = hash_slice(&stage->secret, primary);
    size_t low = lower_bound(stage, hash);

    for (; low < stage->n && stage->entries[low].primary == hash; low++) {
        struct staged staged;

        if (stage_get(stage, low, &staged, e) != 0)
            return -1;
        *i = low;
        if (slice_eq(staged.primary, primary))
            return 1;
    }
    return 0;
}

bool stage_find_id(const struct stage *stage, const struct mailbox_id *id, size_t *i)
{
    struct entry key = {.id = *id};
    size_t low = 0, high = stage->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_id(&stage->entries[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *i = low;
    return low < stage->n && memcmp(&stage->entries[low].id, id, sizeof *id) == 0;
}
