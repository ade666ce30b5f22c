/* Reading: a piece of a table at a time is copied in a short transaction, and shown when that is over. */
#include "core/journal/journal_piece.h"

#include <stdlib.h>

static int begin(struct journal *j, MDB_txn **txn)
{
    MDB_env *env = j->file->env;
    int code = mdb_txn_begin(env, NULL, MDB_RDONLY, txn), dead;

    if (code == MDB_MAP_RESIZED && (code = mdb_env_set_mapsize(env, 0)) == 0)
        code = mdb_txn_begin(env, NULL, MDB_RDONLY, txn);
    if (code == MDB_READERS_FULL && (code = mdb_reader_check(env, &dead)) == 0)
        code = mdb_txn_begin(env, NULL, MDB_RDONLY, txn);
    return code;
}

/* Puts the cursor on the first entry behind the last one read, whether that still exists or not. */
static int resume(const struct piece *p, MDB_cursor *cursor, MDB_val *key, MDB_val *value)
{
    int code;

    if (p->last_n == 0)
        return mdb_cursor_get(cursor, key, value, p->backwards ? MDB_LAST : MDB_FIRST);
    *key = (MDB_val){p->last_n, (void *)(uintptr_t)p->last};
    code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (p->backwards)
        return code == 0              ? mdb_cursor_get(cursor, key, value, MDB_PREV)
               : code == MDB_NOTFOUND ? mdb_cursor_get(cursor, key, value, MDB_LAST)
                                      : code;
    if (code == 0 && key->mv_size == p->last_n && memcmp(key->mv_data, p->last, p->last_n) == 0)
        code = mdb_cursor_get(cursor, key, value, MDB_NEXT);
    return code;
}

/* False when the piece is full. An entry that is larger than any of ours is left out. */
static bool copy(struct piece *p, const MDB_val *key, const MDB_val *value)
{
    struct piece_entry entry = {(uint32_t)p->used, (uint32_t)key->mv_size, (uint32_t)value->mv_size};

    if (key->mv_size > sizeof p->last)
        return true;
    if (value->mv_size <= USAGE_PACKED_MAX) {
        if (p->n == PIECE_ENTRIES || key->mv_size + value->mv_size > PIECE_BYTES - p->used)
            return false;
        memcpy(p->bytes + p->used, key->mv_data, key->mv_size);
        memcpy(p->bytes + p->used + key->mv_size, value->mv_data, value->mv_size);
        p->used += key->mv_size + value->mv_size;
        p->entries[p->n++] = entry;
    }
    memcpy(p->last, key->mv_data, key->mv_size);
    p->last_n = key->mv_size;
    return true;
}

static int copy_piece(struct piece *p, MDB_cursor *cursor)
{
    MDB_val key = {p->last_n, p->last}, value;
    int code = p->exact ? mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY) : resume(p, cursor, &key, &value);

    if (p->exact && code == 0)
        (void)copy(p, &key, &value);
    if (p->exact)
        return code == MDB_NOTFOUND ? 0 : code;
    while (code == 0) {
        if (!copy(p, &key, &value))
            return 0;
        code = mdb_cursor_get(cursor, &key, &value, p->backwards ? MDB_PREV : MDB_NEXT);
    }
    p->end = code == MDB_NOTFOUND;
    return p->end ? 0 : code;
}

/* With file_lock held. */
static int read_here(struct journal *j, struct piece *p, struct error *e)
{
    MDB_cursor *cursor = NULL;
    MDB_txn *txn = NULL;
    int code;

    if (journal_ensure(j, e) != 0)
        return -1;
    if (p->table == JOURNAL_REFUSALS && j->file->lacks_refusals) {
        p->end = true;
        return 0;
    }
    code = begin(j, &txn);
    if (code == 0)
        code = mdb_cursor_open(txn, j->file->dbi[p->table], &cursor);
    if (code == 0)
        code = copy_piece(p, cursor);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (txn != NULL)
        mdb_txn_abort(txn);
    return code == 0 ? 0 : journal_failed(j, "read", code, e);
}

int journal_read_piece(struct journal *j, struct piece *p, struct error *e)
{
    int result;

    p->n = 0;
    p->used = 0;
    (void)pthread_mutex_lock(&j->file_lock);
    result = j->apart != NULL ? j->apart->read(j->apart, p, e) : read_here(j, p, e);
    (void)pthread_mutex_unlock(&j->file_lock);
    return result;
}

/* Shows every entry of a table until `each` answers false. */
static int walk(struct journal *j, enum journal_table table, bool backwards,
                bool (*each)(void *arg, struct slice key, struct slice value), void *arg, struct error *e)
{
    struct piece *p = malloc(sizeof *p);
    bool more = true;
    int result = 0;

    if (p == NULL)
        return error_set(e, "out of memory");
    p->table = table;
    p->backwards = backwards;
    p->exact = false;
    p->end = false;
    p->last_n = 0;
    while (more && !p->end && (result = journal_read_piece(j, p, e)) == 0)
        for (uint32_t i = 0; i < p->n && more; i++)
            more = each(arg, piece_key(p, i), piece_value(p, i));
    free(p);
    return result;
}

/* ---- decisions ---- */

/*
 * Chunks are read by the newest decision in them; those of several programs, and of one that could not write for a
 * while, reach over others. So a decision is shown when no chunk that is still to come can have a newer one.
 */
struct decisions_walk {
    uint64_t since_ns;
    bool (*each)(void *arg, const struct journal_record *record);
    void *arg;
    struct event_copy *waiting; /* the newest last */
    size_t n, room;
    bool stopped, no_memory;
};

struct event_copy {
    uint64_t at_ns;
    char *bytes;
    size_t n;
};

/* More than that many wait in no journal of ours. */
#define WAITING_MAX 65536u

/* Shows what waits and is not older than from_ns; false to stop. */
static bool show_waiting(struct decisions_walk *w, uint64_t from_ns)
{
    struct journal_record record;
    struct journal_event event;

    while (!w->stopped && w->n > 0 && (w->waiting[w->n - 1].at_ns >= from_ns || w->n > WAITING_MAX)) {
        struct event_copy *next = &w->waiting[--w->n];
        struct slice bytes = {next->bytes, next->n};

        w->stopped = next->at_ns < w->since_ns;
        if (!w->stopped && event_unpack(&bytes, &event)) {
            record_of(&event, &record);
            w->stopped = !w->each(w->arg, &record);
        }
        free(next->bytes);
    }
    return !w->stopped;
}

/* False without memory. */
static bool wait_for_newer(struct decisions_walk *w, uint64_t at_ns, struct slice bytes)
{
    char *copy = malloc(bytes.n);

    if (copy != NULL && w->n == w->room) {
        size_t room = w->room > 0 ? 2 * w->room : 2 * (size_t)CHUNK_EVENTS_MAX;
        struct event_copy *more = reallocarray(w->waiting, room, sizeof *more);

        if (more == NULL) {
            free(copy);
            return false;
        }
        w->waiting = more;
        w->room = room;
    }
    if (copy == NULL)
        return false;
    memcpy(copy, bytes.p, bytes.n);
    w->waiting[w->n].at_ns = at_ns;
    w->waiting[w->n].bytes = copy;
    w->waiting[w->n++].n = bytes.n;
    return true;
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = ((const struct event_copy *)a)->at_ns, y = ((const struct event_copy *)b)->at_ns;

    return (x > y) - (x < y);
}

static bool show_chunk(void *arg, struct slice key, struct slice chunk)
{
    struct decisions_walk *w = arg;
    struct journal_event event;

    if (key.n != DECISION_KEY_SIZE || chunk_count(chunk) == 0)
        return true;
    if (!show_waiting(w, decision_key_at(key.p)))
        return false;
    chunk = (struct slice){chunk.p + CHUNK_HEAD, chunk.n - CHUNK_HEAD};
    while (chunk.n > 0 && !w->no_memory) {
        const char *from = chunk.p;

        if (event_unpack(&chunk, &event))
            w->no_memory = !wait_for_newer(w, event.at_ns, (struct slice){from, event_size((const uint8_t *)from)});
    }
    if (w->n > 1)
        qsort(w->waiting, w->n, sizeof *w->waiting, by_time);
    return !w->no_memory;
}

static int compare_keys(struct slice a, struct slice b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* A piece of one of the tables of decisions, from its new end on, and the entry in it that is next. */
struct newest {
    struct piece piece;
    uint32_t next;
};

/* 1 with the key of the next chunk; 0: there is none; -1 with e. */
static int look_at_next(struct journal *j, struct newest *n, struct slice *key, struct error *e)
{
    struct piece *p = &n->piece;

    while (n->next == p->n && !p->end) {
        if (journal_read_piece(j, p, e) != 0)
            return -1;
        n->next = 0;
    }
    if (n->next == p->n)
        return 0;
    *key = piece_key(p, n->next);
    return 1;
}

/* Shows the chunks of both tables, the newest first: keys of both are times, and sort alike. */
static int walk_both(struct journal *j, struct newest both[2], struct decisions_walk *w, struct error *e)
{
    for (;;) {
        struct slice keys[2];
        int any[2] = {look_at_next(j, &both[0], &keys[0], e), look_at_next(j, &both[1], &keys[1], e)};
        struct newest *n;

        if (any[0] < 0 || any[1] < 0)
            return -1;
        if (any[0] + any[1] == 0)
            return 0;
        n = any[1] == 0 || (any[0] == 1 && compare_keys(keys[0], keys[1]) >= 0) ? &both[0] : &both[1];
        if (!show_chunk(w, keys[n - both], piece_value(&n->piece, n->next)))
            return 0;
        n->next++;
    }
}

int journal_decisions(struct journal *j, uint64_t since_ns,
                      bool (*each)(void *arg, const struct journal_record *record), void *arg, struct error *e)
{
    struct decisions_walk w = {.since_ns = since_ns, .each = each, .arg = arg};
    struct newest *both = calloc(2, sizeof *both);
    int result;

    if (both == NULL)
        return error_set(e, "out of memory");
    both[0].piece.table = JOURNAL_DECISIONS;
    both[1].piece.table = JOURNAL_REFUSALS;
    both[0].piece.backwards = both[1].piece.backwards = true;
    result = walk_both(j, both, &w, e);
    free(both);

    if (result == 0 && w.no_memory)
        result = error_set(e, "out of memory");
    if (result == 0)
        (void)show_waiting(&w, 0);
    while (w.n > 0)
        free(w.waiting[--w.n].bytes);
    free(w.waiting);
    return result;
}

/* ---- usage ---- */

struct usage_walk {
    bool (*each)(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage);
    void *arg;
};

static bool show_usage(void *arg, struct slice key, struct slice value)
{
    struct usage_walk *w = arg;
    struct slice tenant, mailbox;
    struct usage usage;

    if (!slice_cut(key, '\0', &tenant, &mailbox) || !usage_unpack(value, &usage))
        return true;
    return w->each(w->arg, tenant, mailbox, &usage);
}

int journal_usage(struct journal *j,
                  bool (*each)(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage),
                  void *arg, struct error *e)
{
    struct usage_walk w = {each, arg};

    return walk(j, JOURNAL_USAGE, false, show_usage, &w, e);
}

int journal_usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage, struct error *e)
{
    struct piece *p = malloc(sizeof *p);
    int result = 0;

    if (p == NULL)
        return error_set(e, "out of memory");
    p->table = JOURNAL_USAGE;
    p->backwards = false;
    p->exact = true;
    p->end = false;
    p->last_n = usage_key(tenant, mailbox, p->last);
    if (p->last_n > 0)
        result = journal_read_piece(j, p, e);
    if (p->last_n > 0 && result == 0)
        result = p->n == 1 && usage_unpack(piece_value(p, 0), usage) ? 1 : 0;
    free(p);
    return result;
}

/* ---- totals ---- */

struct totals_walk {
    bool (*each)(void *arg, const char *program, enum action action, enum reason reason, uint64_t count);
    void *arg;
};

static bool show_total(void *arg, struct slice key, struct slice value)
{
    struct totals_walk *w = arg;
    char program[PROGRAM_NAME_MAX];
    enum action action;
    enum reason reason;
    uint64_t count;

    if (value.n != sizeof count || !total_key_read(key, program, &action, &reason))
        return true;
    memcpy(&count, value.p, sizeof count);
    return w->each(w->arg, program, action, reason, count);
}

int journal_totals(struct journal *j,
                   bool (*each)(void *arg, const char *program, enum action action, enum reason reason, uint64_t count),
                   void *arg, struct error *e)
{
    struct totals_walk w = {each, arg};

    return walk(j, JOURNAL_TOTALS, false, show_total, &w, e);
}

static bool add_dropped(void *arg, struct slice key, struct slice value)
{
    uint64_t *sum = arg, count;

    if (value.n == sizeof count && is_dropped_key(key)) {
        memcpy(&count, value.p, sizeof count);
        *sum += count;
    }
    return true;
}

int journal_dropped(struct journal *j, uint64_t *count, struct error *e)
{
    *count = 0;
    return walk(j, JOURNAL_TOTALS, false, add_dropped, count, e);
}
