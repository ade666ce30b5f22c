#include "core/journal/journal.h"

#include "core/base/clock.h"
#include "core/base/priority.h"
#include "core/base/quote.h"
#include "core/journal/journal_parts.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* 64 MiB. The log exceeds it by at most one transaction. */
#define WAL_PAGES_MAX 16384u
#define ROUND_NS NS_PER_S
/* How often a round without anything to write looks for what is too old. */
#define IDLE_NS (UINT64_C(60) * NS_PER_S)

/* ---- open and close ---- */

static int make_batches(struct journal *j)
{
    for (int i = 0; i < 2; i++) {
        struct journal_batch *batch = &j->batches[i];

        batch->events = calloc(j->bounds.gathered, sizeof *batch->events);
        batch->bytes = calloc(1, JOURNAL_BATCH_BYTES(j->bounds.gathered));
        batch->beyond = tally_new(j->bounds.gathered);
        if (batch->events == NULL || batch->bytes == NULL || batch->beyond == NULL)
            return -1;
    }
    j->active = &j->batches[0];
    j->tally = tally_new(JOURNAL_TALLY(j->bounds.gathered));
    return j->tally != NULL ? 0 : -1;
}

static void free_journal(struct journal *j)
{
    database_close(j->file, true);
    for (int i = 0; i < 2; i++) {
        free(j->batches[i].events);
        free(j->batches[i].bytes);
        tally_free(j->batches[i].beyond);
    }
    tally_free(j->tally);
    (void)pthread_mutex_destroy(&j->note_lock);
    (void)pthread_mutex_destroy(&j->file_lock);
    (void)pthread_mutex_destroy(&j->wake_lock);
    (void)pthread_cond_destroy(&j->wake);
    others_close(j->others);
    free(j->others_folder);
    free(j->folder);
    free(j);
}

int journal_open_bounded(const char *folder, const char *program, const struct journal_bounds *bounds,
                         struct journal **out, struct error *e)
{
    struct journal *j = calloc(1, sizeof *j);
    pthread_condattr_t clock;
    struct buf name;

    if (j == NULL)
        return error_set(e, "journal: out of memory");
    (void)pthread_mutex_init(&j->note_lock, NULL);
    (void)pthread_mutex_init(&j->file_lock, NULL);
    (void)pthread_mutex_init(&j->wake_lock, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&j->wake, &clock);
    (void)pthread_condattr_destroy(&clock);
    j->bounds = *bounds;
    j->secret = (struct hash_secret){{clock_wall_ns(), clock_boot_ns() ^ (uint64_t)(uintptr_t)j}};
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
                                          .refusals = JOURNAL_REFUSALS_MAX,
                                          .gathered = JOURNAL_GATHERED_MAX,
                                          .mailboxes = USAGE_MAILBOXES_MAX,
                                          .wal_pages = WAL_PAGES_MAX};

    return journal_open_bounded(folder, program, &bounds, out, e);
}

/* ---- the thread ---- */

static void tell_round(struct journal *j)
{
    struct error e;
    int result = journal_flush(j, &e);

    j->tell(j->tell_arg, result == 0 ? NULL : e.text, journal_notice(j));
}

/* False: it is time to end. */
static bool wait_round(struct journal *j)
{
    struct timespec until;
    bool stops;
    int code = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ROUND_NS / NS_PER_S);
    (void)pthread_mutex_lock(&j->wake_lock);
    while (!j->stops && code == 0)
        code = pthread_cond_timedwait(&j->wake, &j->wake_lock, &until);
    stops = j->stops;
    (void)pthread_mutex_unlock(&j->wake_lock);
    return !stops;
}

static void *run_journal(void *arg)
{
    struct journal *j = arg;

    priority_give_way();
    do
        tell_round(j);
    while (wait_round(j));
    return NULL;
}

int journal_start(struct journal *j, journal_tell *tell, void *arg, struct error *e)
{
    sigset_t all, before;
    int code;

    j->tell = tell;
    j->tell_arg = arg;
    (void)sigfillset(&all); /* signals are for the threads that wait for them */
    (void)sigdelset(&all, SIGBUS);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&j->thread, NULL, run_journal, j);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    j->runs = code == 0;
    return code == 0 ? 0 : error_set(e, "journal: no thread can be started: %s", strerror(code));
}

static void stop_thread(struct journal *j)
{
    (void)pthread_mutex_lock(&j->wake_lock);
    j->stops = true;
    (void)pthread_cond_signal(&j->wake);
    (void)pthread_mutex_unlock(&j->wake_lock);
    (void)pthread_join(j->thread, NULL);
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    if (j->runs)
        stop_thread(j);
    j->ends = true;
    for (int i = 0; i < 2 && j->program[0] != '\0';
         i++) /* those of a round that failed, and those that came after it */
        if (j->tell != NULL)
            tell_round(j);
        else
            (void)journal_flush(j, NULL);
    free_journal(j);
}

/* ---- the database ---- */

/* Others may have written, or our own writes were rolled back: the counts kept in memory must be read again. */
static void forget_counts(struct journal *j)
{
    memset(j->fresh, 0xff, sizeof j->fresh);
    j->first_s = 0;
}

int journal_ensure(struct journal *j, struct error *e)
{
    if (j->file != NULL && database_stale(j->file)) {
        database_close(j->file, false);
        j->file = NULL;
    }
    if (j->file != NULL)
        return 0;
    forget_counts(j);
    if (database_open(&journal_kind, j->folder, j->program[0] != '\0', &j->file, &j->notice, e) == 0)
        return 0;
    return error_prefix(e, "journal %s", quote(slice_of(j->folder)).text);
}

/* Closes a database that can't be used any more; sets a damaged one aside, unless another program has done so. */
int journal_failed(struct journal *j, const char *what, int code, struct error *e)
{
    struct database *f = j->file;
    bool writer = j->program[0] != '\0', damage = database_damage(code);

    (void)database_error(f, e, what, code);
    forget_counts(j);
    if (f->statements[SQL_ROLLBACK] != NULL || !sqlite3_get_autocommit(f->db))
        (void)sqlite3_exec(f->db, "ROLLBACK", NULL, NULL, NULL);
    if (damage && writer && !database_stale(f))
        (void)database_set_aside(f, j->folder, &j->notice, e);
    if (damage && !writer && e != NULL)
        (void)error_set(e, "is damaged: postern-policyd and postern-milter stop using it when they find that out; to "
                           "begin a new one at once, stop them, move " JOURNAL_NAME " away, and start them");
    if ((code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_FULL && (code & 0xff) != SQLITE_INTERRUPT) {
        database_close(f, false);
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

static bool refuses(unsigned action)
{
    return action == ACTION_DEFER || action == ACTION_REJECT;
}

static bool is_refusal(const struct journal_event *v)
{
    return refuses(v->action);
}

bool journal_is_message(const struct journal_noted *noted)
{
    return noted->messages > 0 && !refuses(noted->action);
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

/* Beyond the bound only usage is kept. */
static void count_only(struct journal *j, const struct journal_event *v, bool counts)
{
    struct journal_event counted = *v;

    counted.counts = counts;
    counted.messages = counts;
    (void)tally_add(j->active->beyond, &counted);
    atomic_fetch_add_explicit(&j->dropped, 1, memory_order_relaxed);
}

/* With note_lock held. Refusals leave room for messages. */
static bool has_room(const struct journal *j, bool message)
{
    size_t bytes = JOURNAL_BATCH_BYTES(j->bounds.gathered);
    uint32_t count = j->bounds.gathered;

    if (!message) {
        bytes -= bytes / JOURNAL_MESSAGES_SHARE;
        count -= count / JOURNAL_MESSAGES_SHARE;
    }
    return j->active->count < count && j->active->n + JOURNAL_NOTED_BYTES_MAX <= bytes;
}

static uint64_t mix(const struct journal *j, uint64_t hash, struct slice text)
{
    return hash_mix(hash, hash_slice(&j->secret, text));
}

/*
 * A hash of all that decisions must have in common to be merged. Messages that monitor mode lets through are not
 * merged, since each is reported.
 */
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

/*
 * With note_lock held: merges it with an equal one of this batch. False when there is none: the caller appends this
 * one, and the next will find it.
 */
static bool is_merged(struct journal *j, uint64_t name, bool counts)
{
    struct journal_merged *slot = &j->merged[(name >> 1) & (JOURNAL_MERGED - 1)];

    if (slot->name == name && slot->round == j->round) {
        struct journal_noted *first = &j->active->events[slot->at];

        first->messages += counts && first->times < UINT32_MAX;
        first->times += first->times < UINT32_MAX;
        return true;
    }
    if (has_room(j, false))
        *slot = (struct journal_merged){name, j->round, j->active->count};
    return false;
}

/* Up to a NUL. Returns its length. */
static uint8_t put_text(struct journal_batch *batch, struct slice text, size_t most)
{
    size_t n = text.n < most ? text.n : most;

    if (n == 0)
        return 0;
    n = strnlen(text.p, n);
    memcpy(batch->bytes + batch->n, text.p, n);
    batch->n += n;
    return (uint8_t)n;
}

/* There is room for it. */
static void put(struct journal_batch *batch, const struct journal_event *v, bool counts)
{
    struct journal_noted *noted = &batch->events[batch->count++];

    *noted = (struct journal_noted){.at_ns = v->at_ns,
                                    .size = v->size,
                                    .retry_s = v->retry_s,
                                    .client = v->client,
                                    .recipients = v->recipients,
                                    .times = 1,
                                    .messages = counts,
                                    .text = (uint32_t)batch->n,
                                    .action = (uint8_t)v->action,
                                    .reason = (uint8_t)v->reason,
                                    .monitored = (uint8_t)v->monitored,
                                    .stage = (uint8_t)v->stage,
                                    .tls = (uint8_t)v->tls,
                                    .fault_field = (uint8_t)v->fault_field,
                                    .milter = v->milter,
                                    .has_client = v->has_client};
    for (int i = 0; i < JOURNAL_TEXT_COUNT; i++) {
        const struct slice *text = (const struct slice *)(const void *)((const char *)v + journal_texts[i].event);

        noted->n[i] = put_text(batch, *text, (size_t)journal_texts[i].cap - 1);
    }
    noted->n[JOURNAL_TEXT_COUNT] = put_text(batch, v->account, JOURNAL_ACCOUNT_MAX);
}

struct journal_event journal_batch_event(const struct journal_batch *batch, uint32_t i)
{
    const struct journal_noted *noted = &batch->events[i];
    struct journal_event v = {.at_ns = noted->at_ns,
                              .action = (enum action)noted->action,
                              .reason = (enum reason)noted->reason,
                              .monitored = (enum reason)noted->monitored,
                              .stage = (enum stage)noted->stage,
                              .tls = (enum tls_version)noted->tls,
                              .milter = noted->milter,
                              .counts = noted->messages > 0,
                              .has_client = noted->has_client,
                              .recipients = noted->recipients,
                              .client = noted->client,
                              .size = noted->size,
                              .retry_s = noted->retry_s,
                              .fault_field = (enum header_field)noted->fault_field,
                              .times = noted->times,
                              .messages = noted->messages};
    const char *text = batch->bytes + noted->text;

    for (int k = 0; k < JOURNAL_TEXT_COUNT; text += noted->n[k++])
        *journal_text_of(&v, k) = (struct slice){text, noted->n[k]};
    v.account = (struct slice){text, noted->n[JOURNAL_TEXT_COUNT]};
    return v;
}

/* With note_lock held. */
static void gather(struct journal *j, const struct journal_event *v, bool message, bool counts)
{
    if (has_room(j, message)) {
        put(j->active, v, counts);
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
    counts_add(&j->counts, v);
    counts = v->counts && !is_repeated(j, refusal);
    if (message || !is_merged(j, like, counts))
        gather(j, v, message, counts);
    (void)pthread_mutex_unlock(&j->note_lock);
}

void journal_note_block(struct journal *j, struct slice limit)
{
    if (j == NULL || j->program[0] == '\0')
        return;
    (void)pthread_mutex_lock(&j->note_lock);
    counts_add_block(&j->counts, limit);
    (void)pthread_mutex_unlock(&j->note_lock);
}

/* ---- a round ---- */

static bool is_empty(const struct journal_batch *batch)
{
    return batch->count == 0 && tally_count(batch->beyond) == 0;
}

/* The batch to write: the one of a round that failed, else the active one; then the other one becomes active. */
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
    batch->count = 0;
    batch->tallied = false;
    tally_clear(batch->beyond);
}

/* Reads the current totals; they are subtracted after they have been written. */
static bool read_totals(struct journal *j, journal_totals_t totals, uint64_t *dropped)
{
    bool any = false;

    *dropped = atomic_load_explicit(&j->dropped, memory_order_relaxed);
    for (unsigned a = 0; a <= ACTION_HOLD; a++)
        for (unsigned r = 0; r < REASON_COUNT; r++) {
            totals[a][r] = atomic_load_explicit(&j->totals[a][r], memory_order_relaxed);
            any = any || totals[a][r] > 0;
        }
    return any;
}

static void subtract_totals(struct journal *j, journal_totals_t totals, uint64_t dropped)
{
    atomic_fetch_sub_explicit(&j->dropped, dropped, memory_order_relaxed);
    for (unsigned a = 0; a <= ACTION_HOLD; a++)
        for (unsigned r = 0; r < REASON_COUNT; r++)
            if (totals[a][r] > 0)
                atomic_fetch_sub_explicit(&j->totals[a][r], totals[a][r], memory_order_relaxed);
}

static bool has_counts(struct journal *j)
{
    bool any;

    (void)pthread_mutex_lock(&j->note_lock);
    any = j->counts.any;
    (void)pthread_mutex_unlock(&j->note_lock);
    return any;
}

static void read_counts(struct journal *j)
{
    (void)pthread_mutex_lock(&j->note_lock);
    if (j->counts.any)
        j->counting = j->counts;
    else
        j->counting.any = false;
    (void)pthread_mutex_unlock(&j->note_lock);
}

static void subtract_counts(struct journal *j)
{
    (void)pthread_mutex_lock(&j->note_lock);
    counts_subtract(&j->counts, &j->counting);
    (void)pthread_mutex_unlock(&j->note_lock);
}

/* Adds a batch to the tally, in which there is room for it. */
static void tally_batch(struct journal *j, struct journal_batch *batch, uint64_t wall_ns)
{
    if (tally_count(j->tally) == 0)
        j->gather_ns = wall_ns;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct journal_event v = journal_batch_event(batch, i);

        (void)tally_add(j->tally, &v);
    }
    tally_merge(j->tally, batch->beyond);
    batch->tallied = true;
}

/* fresh: has anything arrived since the last round? */
static bool usage_is_due(const struct journal *j, uint64_t wall_ns, bool fresh)
{
    uint32_t n = tally_count(j->tally);

    return n > 0 && (!fresh || n <= USAGE_SOON || j->ends || wall_ns < j->gather_ns ||
                     wall_ns - j->gather_ns >= USAGE_LATE_S * NS_PER_S);
}

static void begin_usage(struct journal *j)
{
    if (!j->tally_sorted)
        tally_sort(j->tally);
    j->tally_sorted = true;
}

static int write_usage(struct journal *j, struct error *e)
{
    if (journal_write_usage(j, e) != 0)
        return -1;
    j->tally_sorted = false;
    return 0;
}

static int write_batch(struct journal *j, struct journal_batch *batch, struct error *e)
{
    journal_totals_t totals;
    uint64_t dropped;

    (void)read_totals(j, totals, &dropped);
    read_counts(j);
    if (journal_write_round(j, batch, totals, dropped, j->tally_sorted, e) != 0)
        return -1;
    subtract_totals(j, totals, dropped);
    if (j->counting.any)
        subtract_counts(j);
    clear_batch(batch);
    return 0;
}

/* Readers can prevent checkpoints; the log must not grow without bound. */
static int check_log(struct journal *j, struct error *e)
{
    if ((uint32_t)j->file->wal_pages <= j->bounds.wal_pages || database_checkpoint(j->file))
        return 0;
    return error_set(e,
                     "journal %s: somebody reads an old state of it, and its log has grown to %d MiB: nothing is "
                     "written until that ends",
                     quote(slice_of(j->folder)).text, j->file->wal_pages / 256);
}

static int flush_locked(struct journal *j, uint64_t wall_ns, struct error *e)
{
    struct journal_batch *batch = take_batch(j);
    journal_totals_t totals;
    uint64_t dropped;
    bool fresh = !is_empty(batch);
    bool any = read_totals(j, totals, &dropped) || has_counts(j) || fresh || tally_count(j->tally) > 0;

    if (!any && j->file != NULL && wall_ns - j->idle_ns < IDLE_NS)
        return 0;
    if (journal_ensure(j, e) != 0 || check_log(j, e) != 0)
        return -1;
    if (fresh && !batch->tallied) {
        if (tally_room(j->tally) < batch->count + tally_count(batch->beyond))
            begin_usage(j);
        if (j->tally_sorted && write_usage(j, e) != 0)
            return -1;
        tally_batch(j, batch, wall_ns);
    }
    if (usage_is_due(j, wall_ns, fresh))
        begin_usage(j);
    if ((any && write_batch(j, batch, e) != 0) || (j->tally_sorted && write_usage(j, e) != 0))
        return -1;
    if (j->fresh[2] > 0 || wall_ns - j->idle_ns >= IDLE_NS) {
        if (journal_forget_usage(j, wall_ns, e) != 0)
            return -1;
        j->idle_ns = wall_ns;
    }
    (void)database_checkpoint(j->file);
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
