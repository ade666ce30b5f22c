#include "cluster/shared_lists.h"

#include <stdlib.h>

#define PLACES (2 * SHARED_LISTS_MAX)
#define FORMAT "postern-lists 1"

struct shared_entry {
    uint64_t hash, version;
    enum list_state state;
    bool told;
    uint32_t round; /* of the scan that met it last */
    uint16_t entry_n, comment_n;
    char text[]; /* the entry, the comment */
};

struct shared_lists {
    const struct hash_secret *secret;
    struct shared_entry *places[PLACES];
    size_t n;
    size_t untold_at; /* where the search for what is to be told goes on */
    bool all_told;    /* there is nothing to search for */
    uint64_t highest; /* version */
    uint64_t dropped; /* the highest version of what was forgotten and dropped for lack of room */
    uint32_t round;
};

struct shared_lists *shared_lists_new(const struct hash_secret *secret)
{
    struct shared_lists *s = calloc(1, sizeof *s);

    if (s != NULL)
        s->secret = secret;
    return s;
}

void shared_lists_free(struct shared_lists *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        free(s->places[i]);
    free(s);
}

static struct list_note note_of(const struct shared_entry *x)
{
    return (struct list_note){x->state, x->version, {x->text, x->entry_n}, {x->text + x->entry_n, x->comment_n}};
}

/* The entry's place, or the free one where it belongs: at most half of them are taken. */
static struct shared_entry **place_of(struct shared_lists *s, struct slice entry, uint64_t hash)
{
    size_t at = hash % PLACES;

    while (s->places[at] != NULL && (s->places[at]->hash != hash || !slice_eq(note_of(s->places[at]).entry, entry)))
        at = (at + 1) % PLACES;
    return s->places + at;
}

/* ---- what holds ---- */

static unsigned strictness(enum list_state state)
{
    return state == LIST_DENIED ? 2 : state == LIST_FORGOTTEN ? 1 : 0;
}

static int compare_texts(struct slice a, struct slice b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* More than 0: a holds. The comments decide last: any order will do, if it is the same everywhere. */
static int compare(const struct list_note *a, const struct list_note *b)
{
    if (a->version != b->version)
        return a->version > b->version ? 1 : -1;
    if (a->state != b->state)
        return strictness(a->state) > strictness(b->state) ? 1 : -1;
    return compare_texts(a->comment, b->comment);
}

uint64_t shared_lists_next_version(const struct shared_lists *s, uint64_t wall_ms)
{
    return wall_ms > s->highest ? wall_ms : s->highest + 1;
}

/* Without the oldest of what was forgotten; false: nothing was. */
static bool drop_oldest(struct shared_lists *s)
{
    struct shared_entry *oldest = NULL, **others;
    size_t n = 0;

    for (size_t i = 0; i < PLACES; i++)
        if (s->places[i] != NULL && s->places[i]->state == LIST_FORGOTTEN &&
            (oldest == NULL || s->places[i]->version < oldest->version))
            oldest = s->places[i];
    if (oldest == NULL || (others = calloc(SHARED_LISTS_MAX, sizeof *others)) == NULL)
        return false;
    for (size_t i = 0; i < PLACES; i++) {
        if (s->places[i] != NULL && s->places[i] != oldest)
            others[n++] = s->places[i];
        s->places[i] = NULL;
    }
    for (s->n = 0; s->n < n; s->n++)
        *place_of(s, note_of(others[s->n]).entry, others[s->n]->hash) = others[s->n];
    s->dropped = oldest->version > s->dropped ? oldest->version : s->dropped;
    free(oldest);
    free(others);
    return true;
}

static struct shared_entry *entry_new(const struct list_note *note, uint64_t hash)
{
    struct shared_entry *x = calloc(1, sizeof *x + note->entry.n + note->comment.n);

    if (x == NULL)
        return NULL;
    x->hash = hash;
    x->version = note->version;
    x->state = note->state;
    x->entry_n = (uint16_t)note->entry.n;
    x->comment_n = (uint16_t)note->comment.n;
    memcpy(x->text, note->entry.p, note->entry.n);
    if (note->comment.n > 0)
        memcpy(x->text + x->entry_n, note->comment.p, note->comment.n);
    return x;
}

static enum list_taken put(struct shared_lists *s, const struct list_note *note, uint64_t hash, enum list_source from)
{
    struct shared_entry **place = place_of(s, note->entry, hash), *x;

    /* Who owns Redis could show what was allowed long ago; what was denied is taken in any case. */
    if (*place == NULL && note->state == LIST_ALLOWED && note->version <= s->dropped)
        return LIST_OLDER;
    if (*place == NULL && s->n == SHARED_LISTS_MAX && !drop_oldest(s))
        return LIST_NO_ROOM;
    if ((x = entry_new(note, hash)) == NULL)
        return LIST_NO_ROOM;
    place = place_of(s, note->entry, hash);
    s->n += *place == NULL;
    free(*place);
    *place = x;
    x->told = from != LIST_OF_OURS;
    s->all_told = s->all_told && x->told;
    x->round = s->round;
    s->highest = note->version > s->highest ? note->version : s->highest;
    return LIST_TAKEN;
}

enum list_taken shared_lists_take(struct shared_lists *s, const struct list_note *note, enum list_source from)
{
    uint64_t hash = hash_slice(s->secret, note->entry);
    struct shared_entry *known = *place_of(s, note->entry, hash);
    struct list_note ours;
    int order;

    if (known == NULL)
        return put(s, note, hash, from);
    ours = note_of(known);
    order = compare(note, &ours);
    if (order > 0)
        return put(s, note, hash, from);
    known->round = s->round;
    if (order == 0)
        known->told = known->told || from != LIST_OF_OURS;
    else if (from != LIST_OF_OURS) /* who told it has put it in Redis, too, for those who come later */
        known->told = s->all_told = false;
    return order == 0 ? LIST_KNOWN : LIST_OLDER;
}

/* ---- what the others may not know ---- */

void shared_lists_tell_again(struct shared_lists *s)
{
    s->all_told = false;
    for (size_t i = 0; i < PLACES; i++)
        if (s->places[i] != NULL)
            s->places[i]->told = false;
}

void shared_lists_scan_begin(struct shared_lists *s)
{
    s->round++;
}

void shared_lists_scan_end(struct shared_lists *s)
{
    s->all_told = false;
    for (size_t i = 0; i < PLACES; i++)
        if (s->places[i] != NULL && s->places[i]->round != s->round)
            s->places[i]->told = false;
}

bool shared_lists_untold(struct shared_lists *s, struct list_note *note)
{
    for (size_t i = 0; i < PLACES && !s->all_told; i++) {
        const struct shared_entry *x = s->places[s->untold_at];

        if (x != NULL && !x->told) {
            *note = note_of(x);
            return true;
        }
        s->untold_at = (s->untold_at + 1) % PLACES;
    }
    s->all_told = true;
    return false;
}

void shared_lists_told(struct shared_lists *s, struct slice entry)
{
    struct shared_entry *known = *place_of(s, entry, hash_slice(s->secret, entry));

    if (known != NULL)
        known->told = true;
}

/* ---- files ---- */

size_t shared_lists_count(const struct shared_lists *s, enum list_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < PLACES; i++)
        n += s->places[i] != NULL && s->places[i]->state == state;
    return n;
}

uint64_t shared_lists_digest(const struct shared_lists *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < PLACES; i++) {
        const struct shared_entry *x = s->places[i];

        if (x != NULL && x->state != LIST_FORGOTTEN) {
            const uint64_t words[] = {x->hash, x->version, (uint64_t)x->state};

            sum += hash_words(s->secret, words, 3);
        }
    }
    return sum;
}

static int by_entry(const void *a, const void *b)
{
    return compare_texts(note_of(*(struct shared_entry *const *)a).entry,
                         note_of(*(struct shared_entry *const *)b).entry);
}

/* All that are in that state, or in any (0), sorted, each as `add` writes it, after a first line. */
static char *write_sorted(const struct shared_lists *s, unsigned state, struct slice first,
                          void (*add)(struct buf *, const struct list_note *), size_t *length)
{
    struct shared_entry **sorted = calloc(s->n + 1, sizeof *sorted);
    size_t n = 0, room = first.n + 2;
    char *text = NULL;

    for (size_t i = 0; i < PLACES && sorted != NULL; i++)
        if (s->places[i] != NULL && (state == 0 || (unsigned)s->places[i]->state == state)) {
            sorted[n++] = s->places[i];
            room += s->places[i]->entry_n + s->places[i]->comment_n + 32u;
        }
    if (sorted != NULL && (text = malloc(room)) != NULL) {
        struct buf b = buf_over(text, room);

        qsort(sorted, n, sizeof *sorted, by_entry);
        buf_add(&b, first);
        buf_add_char(&b, '\n');
        for (size_t i = 0; i < n; i++) {
            const struct list_note note = note_of(sorted[i]);

            add(&b, &note);
        }
        *length = b.n;
    }
    free(sorted);
    return text;
}

static void add_whole(struct buf *b, const struct list_note *note)
{
    list_note_add(b, note);
    buf_add_char(b, '\n');
}

char *shared_lists_text(const struct shared_lists *s, const char *owner, size_t *n)
{
    char first[128];
    struct buf b = BUF_OVER(first);

    buf_addf(&b, FORMAT " %s %llu", owner, (unsigned long long)s->dropped);
    return write_sorted(s, 0, buf_slice(&b), add_whole, n);
}

char *shared_lists_file(const struct shared_lists *s, enum list_state state, size_t *n)
{
    return write_sorted(s, (unsigned)state,
                        SLICE("# Of all the cluster's relays. postern-cluster writes this file: change it by postern "
                              "allow, deny or forget --cluster."),
                        list_note_add_line, n);
}

long shared_lists_load(struct shared_lists *s, struct slice text, const char *owner)
{
    char first[128];
    struct buf b = BUF_OVER(first);
    unsigned long long dropped;
    struct slice line;
    long wrong = 0;

    buf_addf(&b, FORMAT " %s ", owner);
    if (!slice_cut(text, '\n', &line, &text) || !slice_starts_with(line, buf_slice(&b)) ||
        !slice_to_u64((struct slice){line.p + b.n, line.n - b.n}, UINT64_MAX, &dropped))
        return -1;
    while (text.n > 0) {
        struct list_note note;

        (void)slice_cut(text, '\n', &line, &text);
        wrong += list_note_read(line, &note, NULL) != 0 || note.version == 0 ||
                 shared_lists_take(s, &note, LIST_OF_OURS) == LIST_NO_ROOM;
    }
    s->dropped = dropped > s->dropped ? dropped : s->dropped;
    return wrong;
}
