#include "core/journal/journal.h"

#include "core/base/clock.h"
#include "core/base/quote.h"
#include "core/journal/journal_parts.h"

#include <stdlib.h>

/*
 * Address space, not room: the file grows as it needs. 300000 decisions take about 80 MB, two million mailboxes about
 * 500 MB.
 */
#define MAP_SIZE (sizeof(size_t) > 4 ? (size_t)(UINT64_C(4) << 30) : (size_t)512 << 20)
/* How often a round has nothing to write, but looks for what is too old. */
#define IDLE_NS (UINT64_C(60) * NS_PER_S)

/* ---- open and close ---- */

static int make_batches(struct journal *j)
{
    for (int i = 0; i < 2; i++) {
        struct journal_batch *batch = &j->batches[i];

        batch->bytes = calloc(1, JOURNAL_BATCH_BYTES(j->bounds.gathered));
        batch->beyond = tally_new(j->bounds.gathered);
        if (batch->bytes == NULL || batch->beyond == NULL)
            return -1;
    }
    j->active = &j->batches[0];
    j->tally = tally_new(JOURNAL_TALLY(j->bounds.gathered));
    return j->tally != NULL ? 0 : -1;
}

static void free_journal(struct journal *j)
{
    journal_file_close(j->file);
    if (j->apart != NULL)
        j->apart->close(j->apart);
    for (int i = 0; i < 2; i++) {
        free(j->batches[i].bytes);
        tally_free(j->batches[i].beyond);
    }
    tally_free(j->tally);
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

int journal_open_read_by(struct journal_apart *apart, struct journal **out, struct error *e)
{
    struct journal *j = calloc(1, sizeof *j);

    if (j == NULL)
        return error_set(e, "journal: out of memory");
    (void)pthread_mutex_init(&j->note_lock, NULL);
    (void)pthread_mutex_init(&j->file_lock, NULL);
    j->apart = apart;
    *out = j;
    return 0;
}

int journal_open(const char *folder, const char *program, struct journal **out, struct error *e)
{
    const struct journal_bounds bounds = {.decisions = JOURNAL_DECISIONS_MAX,
                                          .refusals = JOURNAL_REFUSALS_MAX,
                                          .gathered = JOURNAL_GATHERED_MAX,
                                          .mailboxes = USAGE_MAILBOXES_MAX,
                                          .map_size = MAP_SIZE};

    return journal_open_bounded(folder, program, &bounds, out, e);
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    j->ends = true;
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

static bool is_refusal(const struct journal_event *v)
{
    return v->action == ACTION_DEFER || v->action == ACTION_REJECT;
}

/* Names a message, its sender and the reason of its refusal; 0: it has no name. */
static uint64_t refusal_name(const struct journal *j, const struct journal_event *v)
{
    char text[192];
    struct buf b = BUF_OVER(text);

    if (v->instance.n == 0)
        return 0;
    buf_add_char(&b, (char)v->reason);
    buf_add(&b, v->instance);
    buf_add_char(&b, '\0');
    buf_add(&b, v->login);
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

/* Beyond the bound only the usage is kept. */
static void count_only(struct journal *j, const struct journal_event *v, bool counts)
{
    struct journal_event counted = *v;

    counted.counts = counts;
    counted.messages = counts;
    (void)tally_add(j->active->beyond, &counted);
    atomic_fetch_add_explicit(&j->dropped, 1, memory_order_relaxed);
}

/* With note_lock held. What is no message leaves room for those. */
static bool has_room(const struct journal *j, bool message)
{
    size_t bytes = JOURNAL_BATCH_BYTES(j->bounds.gathered);
    uint32_t events = j->bounds.gathered;

    if (!message) {
        bytes -= bytes / JOURNAL_MESSAGES_SHARE;
        events -= events / JOURNAL_MESSAGES_SHARE;
    }
    return j->active->events < events && j->active->n + EVENT_PACKED_MAX <= bytes;
}

static uint64_t mix(const struct journal *j, uint64_t hash, struct slice text)
{
    return hash_mix(hash, hash_slice(&j->secret, text));
}

/* Names all that decisions must have in common to be one. Messages that monitor mode lets through stay apart: each of
 * them is told of. */
static uint64_t likeness(const struct journal *j, const struct journal_event *v)
{
    const uint8_t words[] = {(uint8_t)v->action, (uint8_t)v->reason, (uint8_t)v->monitored,
                             (uint8_t)v->stage,  v->milter,          v->has_client};
    uint64_t hash = hash_slice(&j->secret, (struct slice){(const char *)words, sizeof words});

    if (v->has_client)
        hash = mix(j, hash, (struct slice){(const char *)v->client.b, sizeof v->client.b});
    hash = mix(j, hash, v->login);
    hash = mix(j, hash, v->connector);
    hash = mix(j, hash, v->limit);
    hash = mix(j, hash, v->sender);
    hash = mix(j, hash, v->fault_text);
    if (!is_refusal(v))
        hash = mix(j, hash, v->instance);
    return hash | 1;
}

/* With note_lock held: adds it to one like it of this batch. False when there is none: the next will find this one,
 * which is to be put behind what the batch has. */
static bool is_merged(struct journal *j, uint64_t name, bool counts)
{
    struct journal_merged *slot = &j->merged[(name >> 1) & (JOURNAL_MERGED - 1)];

    if (slot->name == name && slot->round == j->round) {
        event_repeat(j->active->bytes + slot->at, counts);
        return true;
    }
    if (has_room(j, false))
        *slot = (struct journal_merged){name, j->round, j->active->n};
    return false;
}

/* With note_lock held. */
static void gather(struct journal *j, const struct journal_event *v, bool message, bool counts)
{
    if (has_room(j, message)) {
        j->active->n += event_pack(v, counts, j->active->bytes + j->active->n);
        j->active->events++;
    } else
        count_only(j, v, counts);
}

void journal_note(struct journal *j, const struct journal_event *v)
{
    bool message = v->counts && !is_refusal(v), counts;
    uint64_t refusal, like;

    if (j == NULL || j->program[0] == '\0')
        return;
    atomic_fetch_add_explicit(&j->totals[v->action][v->reason], 1, memory_order_relaxed);
    refusal = is_refusal(v) ? refusal_name(j, v) : 0;
    like = message ? 0 : likeness(j, v);
    (void)pthread_mutex_lock(&j->note_lock);
    counts = v->counts && !is_repeated(j, refusal);
    if (message || !is_merged(j, like, counts))
        gather(j, v, message, counts);
    (void)pthread_mutex_unlock(&j->note_lock);
}

/* ---- a round ---- */

static bool is_empty(const struct journal_batch *batch)
{
    return batch->events == 0 && tally_count(batch->beyond) == 0;
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
        j->round++;
        waits = gathered;
    }
    (void)pthread_mutex_unlock(&j->note_lock);
    return waits;
}

static void clear_batch(struct journal_batch *batch)
{
    batch->n = 0;
    batch->events = 0;
    batch->tallied = false;
    tally_clear(batch->beyond);
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

/* Writes the batch if there is one, the totals, and the usage if it is being written. */
static int write_all(struct journal *j, struct journal_batch *batch, uint64_t wall_ns, struct error *e)
{
    struct journal_round round = {.wall_ns = wall_ns};

    (void)take_totals(j, &round);
    do {
        round.batch = batch;
        round.usage = j->tally_sorted ? j->tally : NULL;
        round.from = j->written;
        if (journal_write(j, &round, e) != 0)
            return -1;
        j->written = round.to;
        subtract_totals(j, &round);
        memset(round.totals, 0, sizeof round.totals);
        round.dropped = 0;
        if (batch != NULL)
            clear_batch(batch);
        batch = NULL;
    } while (j->tally_sorted && j->written < tally_count(j->tally));
    if (j->tally_sorted)
        tally_clear(j->tally);
    j->tally_sorted = false;
    j->written = 0;
    return 0;
}

static void begin_usage(struct journal *j)
{
    if (!j->tally_sorted)
        tally_sort(j->tally);
    j->tally_sorted = true;
}

/* Adds a batch to the tally, in which there is room for it. */
static void tally_batch(struct journal *j, struct journal_batch *batch, uint64_t wall_ns)
{
    struct slice rest = {(const char *)batch->bytes, batch->n};
    struct journal_event event;

    if (tally_count(j->tally) == 0)
        j->gather_ns = wall_ns;
    while (rest.n > 0)
        if (event_unpack_counted(&rest, &event))
            (void)tally_add(j->tally, &event);
    tally_merge(j->tally, batch->beyond);
    batch->tallied = true;
}

/* fresh: has anything come since the last round? */
static bool usage_is_due(const struct journal *j, uint64_t wall_ns, bool fresh)
{
    uint32_t n = tally_count(j->tally);

    return n > 0 && (!fresh || n <= USAGE_SOON || j->ends || wall_ns < j->gather_ns ||
                     wall_ns - j->gather_ns >= USAGE_LATE_S * NS_PER_S);
}

static int flush_locked(struct journal *j, uint64_t wall_ns, struct error *e)
{
    struct journal_batch *batch = take_batch(j);
    struct journal_round totals;
    bool fresh = !is_empty(batch);

    if (!take_totals(j, &totals) && !fresh && tally_count(j->tally) == 0 && j->file != NULL &&
        wall_ns - j->idle_ns < IDLE_NS)
        return 0;
    if (journal_ensure(j, e) != 0)
        return -1;
    if (!batch->tallied) {
        if (tally_room(j->tally) < batch->events + tally_count(batch->beyond))
            begin_usage(j);
        if (j->tally_sorted && write_all(j, NULL, wall_ns, e) != 0)
            return -1;
        tally_batch(j, batch, wall_ns);
    }
    if (usage_is_due(j, wall_ns, fresh))
        begin_usage(j);
    if (write_all(j, batch, wall_ns, e) != 0)
        return -1;
    j->idle_ns = wall_ns;
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
