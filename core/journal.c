#include "core/journal.h"

#include "core/clock.h"
#include "core/journal_parts.h"
#include "core/quote.h"

#include <stdlib.h>

/*
 * Address space, not room: the file grows as it needs. 200000 decisions take about 100 MB, two million mailboxes about
 * 1 GB.
 */
#define MAP_SIZE (sizeof(size_t) > 4 ? (size_t)(UINT64_C(4) << 30) : (size_t)512 << 20)
/* How often a round has nothing to write, but looks for what is too old. */
#define IDLE_NS (UINT64_C(60) * NS_PER_S)

/* ---- open and close ---- */

static int make_batches(struct journal *j)
{
    for (int i = 0; i < 2; i++) {
        struct journal_batch *batch = &j->batches[i];

        batch->bytes = calloc(j->bounds.gathered, JOURNAL_ENTRY_MAX);
        batch->tally = tally_new(2 * j->bounds.gathered);
        if (batch->bytes == NULL || batch->tally == NULL)
            return -1;
    }
    j->active = &j->batches[0];
    return 0;
}

static void free_journal(struct journal *j)
{
    journal_file_close(j->file);
    for (int i = 0; i < 2; i++) {
        free(j->batches[i].bytes);
        tally_free(j->batches[i].tally);
    }
    (void)pthread_mutex_destroy(&j->note_lock);
    (void)pthread_mutex_destroy(&j->file_lock);
    free(j->folder);
    free(j);
}

int journal_open_bounded(const char *folder, const char *program, const struct journal_bounds *bounds,
                         struct journal **out, struct error *e)
{
    struct journal *j = calloc(1, sizeof *j);
    struct buf name;

    if (j == NULL)
        return error_set(e, "journal: out of memory");
    (void)pthread_mutex_init(&j->note_lock, NULL);
    (void)pthread_mutex_init(&j->file_lock, NULL);
    j->bounds = *bounds;
    j->secret = (struct hash_secret){{clock_wall_ns(), clock_boot_ns() ^ (uint64_t)(uintptr_t)j}};
    j->number = (uint32_t)clock_boot_ns(); /* one process id may come again */
    name = BUF_OVER(j->program);
    buf_add(&name, slice_of(program));
    j->folder = strdup(folder);
    if (j->folder == NULL || (program != NULL && make_batches(j) != 0))
        (void)error_set(e, "journal: out of memory");
    else if (program != NULL || journal_ensure(j, e) == 0) {
        *out = j;
        return 0;
    }
    free_journal(j);
    return -1;
}

int journal_open(const char *folder, const char *program, struct journal **out, struct error *e)
{
    const struct journal_bounds bounds = {.decisions = JOURNAL_DECISIONS_MAX,
                                          .gathered = JOURNAL_GATHERED_MAX,
                                          .mailboxes = USAGE_MAILBOXES_MAX,
                                          .map_size = MAP_SIZE};

    return journal_open_bounded(folder, program, &bounds, out, e);
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    if (j->program[0] != '\0')
        for (int i = 0; i < 2; i++) /* what waits from a round that failed, and what came after it */
            (void)journal_flush(j, NULL);
    if (j->file != NULL && j->program[0] != '\0')
        (void)mdb_env_sync(j->file->env, 1);
    free_journal(j);
}

/* ---- the environment ---- */

int journal_ensure(struct journal *j, struct error *e)
{
    if (j->file != NULL && journal_file_replaced(j->file)) {
        journal_file_close(j->file);
        j->file = NULL;
    }
    if (j->file != NULL)
        return 0;
    if (journal_file_open(j->folder, j->program[0] != '\0' ? j->program : NULL, j->bounds.map_size, &j->file,
                          &j->notice, e) == 0)
        return 0;
    return error_prefix(e, "journal %s", quote(slice_of(j->folder)).text);
}

/* What is damaged is closed, and set aside when it is opened again, unless another program did so by now. */
int journal_failed(struct journal *j, const char *what, int code, struct error *e)
{
    bool damage = journal_file_damage(code) || code == MDB_MAP_FULL;

    (void)journal_file_error(e, what, code);
    if (damage && !journal_file_replaced(j->file))
        journal_file_condemn(j->file);
    if (damage || journal_file_stale(code)) {
        journal_file_close(j->file);
        j->file = NULL;
    }
    return error_prefix(e, "journal %s", quote(slice_of(j->folder)).text);
}

const char *journal_notice(struct journal *j)
{
    (void)pthread_mutex_lock(&j->file_lock);
    j->told = j->notice;
    j->notice.text[0] = '\0';
    (void)pthread_mutex_unlock(&j->file_lock);
    if (j->told.text[0] == '\0')
        return NULL;
    (void)error_prefix(&j->told, "journal %s", quote(slice_of(j->folder)).text);
    return j->told.text;
}

/* ---- records come in ---- */

static bool is_refusal(const struct journal_record *r)
{
    return r->action == ACTION_DEFER || r->action == ACTION_REJECT;
}

/* Names a message, its sender and the reason of its refusal; 0: it has no name. */
static uint64_t refusal_name(const struct journal *j, const struct journal_record *r)
{
    char text[sizeof r->instance + sizeof r->login + 8];
    struct buf b = BUF_OVER(text);

    if (r->instance[0] == '\0')
        return 0;
    buf_add_char(&b, (char)r->reason);
    buf_add(&b, slice_of(r->instance));
    buf_add_char(&b, '\0');
    buf_add(&b, slice_of(r->login));
    return hash_slice(&j->secret, buf_slice(&b)) | 1;
}

/* With note_lock held. */
static bool is_repeated(struct journal *j, uint64_t name)
{
    uint64_t *slot = &j->repeated[(name >> 1) & (JOURNAL_REPEATED - 1)];
    bool repeated = name != 0 && *slot == name;

    if (name != 0)
        *slot = name;
    return repeated;
}

static void append(struct journal_batch *batch, uint64_t at_ns, const uint8_t *packed, uint16_t n)
{
    uint8_t *p = batch->bytes + batch->n;

    memcpy(p, &at_ns, sizeof at_ns);
    memcpy(p + sizeof at_ns, &n, sizeof n);
    memcpy(p + JOURNAL_ENTRY_HEAD, packed, n);
    batch->n += JOURNAL_ENTRY_HEAD + n;
    batch->records++;
}

/* Beyond the bound only the usage is kept: as much room is left in the tally as there are records to be added to it. */
static void tally_only(struct journal *j, const struct journal_record *r, bool counts)
{
    struct journal_record counted = *r;

    counted.counts = counts;
    (void)tally_add(j->active->tally, &counted, j->bounds.gathered);
    atomic_fetch_add_explicit(&j->dropped, 1, memory_order_relaxed);
}

void journal_note(struct journal *j, const struct journal_record *r)
{
    uint8_t packed[RECORD_PACKED_MAX];
    uint64_t refusal;
    bool counts;
    size_t n;

    if (j == NULL || j->program[0] == '\0')
        return;
    atomic_fetch_add_explicit(&j->totals[r->action][r->reason], 1, memory_order_relaxed);
    n = record_pack(r, packed);
    refusal = is_refusal(r) ? refusal_name(j, r) : 0;
    (void)pthread_mutex_lock(&j->note_lock);
    counts = r->counts && !is_repeated(j, refusal);
    record_pack_counts(packed, counts);
    if (j->active->records < j->bounds.gathered)
        append(j->active, r->at_ns, packed, (uint16_t)n);
    else
        tally_only(j, r, counts);
    (void)pthread_mutex_unlock(&j->note_lock);
}

/* ---- a round ---- */

static bool is_empty(const struct journal_batch *batch)
{
    return batch->records == 0 && tally_count(batch->tally) == 0;
}

/* The batch to be written: what waits since a round that failed, else what has gathered; then the other one gathers. */
static struct journal_batch *take_batch(struct journal *j)
{
    struct journal_batch *waits;

    (void)pthread_mutex_lock(&j->note_lock);
    waits = j->active == &j->batches[0] ? &j->batches[1] : &j->batches[0];
    if (is_empty(waits)) {
        struct journal_batch *gathered = j->active;

        j->active = waits;
        waits = gathered;
    }
    (void)pthread_mutex_unlock(&j->note_lock);
    return waits;
}

static void tally_records(struct journal_batch *batch)
{
    struct journal_record record;

    for (size_t at = 0; at < batch->n && !batch->tallied;) {
        uint64_t at_ns;
        uint16_t n;

        memcpy(&at_ns, batch->bytes + at, sizeof at_ns);
        memcpy(&n, batch->bytes + at + sizeof at_ns, sizeof n);
        if (record_unpack((struct slice){(const char *)batch->bytes + at + JOURNAL_ENTRY_HEAD, n}, &record)) {
            record.at_ns = at_ns;
            (void)tally_add(batch->tally, &record, 0);
        }
        at += JOURNAL_ENTRY_HEAD + n;
    }
    if (!batch->tallied)
        tally_sort(batch->tally);
    batch->tallied = true;
}

static void clear_batch(struct journal_batch *batch)
{
    batch->n = 0;
    batch->records = 0;
    batch->tallied = false;
    tally_clear(batch->tally);
}

static bool take_totals(struct journal *j, struct journal_round *round)
{
    bool any = false;

    round->dropped = atomic_load_explicit(&j->dropped, memory_order_relaxed);
    for (unsigned a = 0; a <= ACTION_HOLD; a++)
        for (unsigned r = 0; r < REASON_COUNT; r++) {
            round->totals[a][r] = atomic_load_explicit(&j->totals[a][r], memory_order_relaxed);
            any = any || round->totals[a][r] > 0;
        }
    return any;
}

static void subtract_totals(struct journal *j, const struct journal_round *round)
{
    atomic_fetch_sub_explicit(&j->dropped, round->dropped, memory_order_relaxed);
    for (unsigned a = 0; a <= ACTION_HOLD; a++)
        for (unsigned r = 0; r < REASON_COUNT; r++)
            if (round->totals[a][r] > 0)
                atomic_fetch_sub_explicit(&j->totals[a][r], round->totals[a][r], memory_order_relaxed);
}

static int flush_locked(struct journal *j, uint64_t wall_ns, struct error *e)
{
    struct journal_round round = {.batch = take_batch(j), .wall_ns = wall_ns};
    bool any = take_totals(j, &round) || !is_empty(round.batch);

    if (!any && j->file != NULL && wall_ns - j->idle_ns < IDLE_NS)
        return 0;
    if (journal_ensure(j, e) != 0)
        return -1;
    tally_records(round.batch);
    if (journal_write(j, &round, e) != 0)
        return -1;
    j->idle_ns = wall_ns;
    subtract_totals(j, &round);
    clear_batch(round.batch);
    return 0;
}

int journal_flush_at(struct journal *j, uint64_t wall_ns, struct error *e)
{
    int result;

    if (j->program[0] == '\0')
        return 0;
    (void)pthread_mutex_lock(&j->file_lock);
    result = flush_locked(j, wall_ns, e);
    (void)pthread_mutex_unlock(&j->file_lock);
    return result;
}

int journal_flush(struct journal *j, struct error *e)
{
    return journal_flush_at(j, clock_wall_ns(), e);
}
