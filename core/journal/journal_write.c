/* What a round writes. */
#include "core/base/clock.h"
#include "core/journal/journal_parts.h"

/* Entries of usage that a transaction writes: each can change a page of the database, 4 KiB, that goes into the log. */
#define AT_ONCE 4096u
#define FORGET_AT_ONCE INT64_C(8192)
/* So often a time is looked for that no other decision has, within about a millisecond. */
#define TRIES_MAX 64
#define SPREAD_BITS_MAX 20

enum { MESSAGES, REFUSALS, MAILBOXES }; /* of struct journal's fresh */

/* ---- statements: SQLITE_OK, or a code ---- */

static int run(sqlite3_stmt *s)
{
    (void)sqlite3_step(s);
    return sqlite3_reset(s); /* which says how the step went */
}

static int run_sql(struct journal *j, enum journal_sql which)
{
    sqlite3_stmt *s = database_statement(j->file, which);

    return s != NULL ? run(s) : sqlite3_extended_errcode(j->file->db);
}

static int run_with(struct journal *j, enum journal_sql which, int64_t number)
{
    sqlite3_stmt *s = database_statement(j->file, which);

    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    (void)sqlite3_bind_int64(s, 1, number);
    return run(s);
}

static int count_rows(struct journal *j, enum journal_sql which, int64_t *n)
{
    sqlite3_stmt *s = database_statement(j->file, which);

    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    *n = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    return sqlite3_reset(s);
}

static void bind_text(sqlite3_stmt *s, int parameter, struct slice text)
{
    (void)sqlite3_bind_text(s, parameter, text.p != NULL ? text.p : "", (int)text.n, SQLITE_STATIC);
}

/* Has so much come since the rows were counted that they are to be counted again? A program cannot know what another
 * one adds, so each looks for itself. */
static bool is_to_be_counted(struct journal *j, int which, uint32_t most)
{
    if (j->fresh[which] == 0 || j->fresh[which] < most / 32)
        return false;
    j->fresh[which] = 0;
    return true;
}

static void add_fresh(struct journal *j, int which)
{
    j->fresh[which] += j->fresh[which] < UINT32_MAX;
}

/* ---- decisions and totals ---- */

/*
 * Each table has one decision a nanosecond. Another one of the same is put some nanoseconds later: anywhere in a range
 * that doubles with each try, so that a clock that stands still costs little.
 */
static int put_decision(struct journal *j, const struct journal_event *v, bool message, int64_t part)
{
    sqlite3_stmt *s = database_statement(j->file, message ? SQL_ADD_MESSAGE : SQL_ADD_REFUSAL);
    int64_t at = v->at_ns < INT64_MAX / 2 ? (int64_t)v->at_ns : INT64_MAX / 2;
    int code;

    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    decision_bind(s, v, part);
    for (int i = 0; i < TRIES_MAX; i++) {
        (void)sqlite3_bind_int64(s, 1, at);
        code = run(s);
        if ((code & 0xff) != SQLITE_CONSTRAINT)
            break;
        at += 1 + (int64_t)(hash_words(&j->secret, (uint64_t[]){j->shifted++}, 1) &
                            ((UINT64_C(1) << (i < SPREAD_BITS_MAX ? i : SPREAD_BITS_MAX)) - 1));
    }
    add_fresh(j, message ? MESSAGES : REFUSALS);
    return code;
}

/* The newest part of a table, which other programs add to between our transactions. */
struct part {
    int64_t number, rows;
};

static int last_part(struct journal *j, enum journal_sql which, struct part *part)
{
    sqlite3_stmt *s = database_statement(j->file, which);

    *part = (struct part){0, 0};
    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    if (sqlite3_step(s) == SQLITE_ROW) {
        part->number = sqlite3_column_int64(s, 0);
        part->rows = sqlite3_column_int64(s, 1);
    }
    return sqlite3_reset(s);
}

static int64_t part_of_next(struct part *part)
{
    if (part->rows >= PART_ROWS && part->number < INT64_MAX)
        *part = (struct part){part->number + 1, 0};
    part->rows++;
    return part->number;
}

static int put_batch(struct journal *j, const struct journal_batch *batch)
{
    struct part messages, refusals;
    int code;

    if (batch->count == 0)
        return SQLITE_OK;
    code = last_part(j, SQL_LAST_PART_OF_MESSAGES, &messages);
    if (code == SQLITE_OK)
        code = last_part(j, SQL_LAST_PART_OF_REFUSALS, &refusals);
    for (uint32_t i = 0; i < batch->count && code == SQLITE_OK; i++) {
        struct journal_event v = journal_batch_event(batch, i);
        bool message = journal_is_message(&batch->events[i]);

        code = put_decision(j, &v, message, part_of_next(message ? &messages : &refusals));
    }
    return code;
}

static int drop_beyond(struct journal *j, int which, uint32_t most)
{
    int64_t n = 0;
    int code;

    if (!is_to_be_counted(j, which, most))
        return SQLITE_OK;
    code = count_rows(j, which == MESSAGES ? SQL_COUNT_MESSAGES : SQL_COUNT_REFUSALS, &n);
    return code == SQLITE_OK && n > most
               ? run_with(j, which == MESSAGES ? SQL_DROP_MESSAGES : SQL_DROP_REFUSALS, n - most)
               : code;
}

static int add_totals(struct journal *j, journal_totals_t totals)
{
    sqlite3_stmt *s = database_statement(j->file, SQL_ADD_TOTAL);
    int code = SQLITE_OK;

    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    bind_text(s, 1, slice_of(j->program));
    for (unsigned a = 0; a <= ACTION_HOLD; a++)
        for (unsigned r = 0; r < REASON_COUNT && code == SQLITE_OK; r++) {
            if (totals[a][r] == 0)
                continue;
            bind_text(s, 2, slice_of(action_name((enum action)a)));
            bind_text(s, 3, slice_of(reason_row((enum reason)r)->name));
            (void)sqlite3_bind_int64(s, 4, (int64_t)totals[a][r]);
            code = run(s);
        }
    return code;
}

static int add_dropped(struct journal *j, uint64_t dropped)
{
    sqlite3_stmt *s = database_statement(j->file, SQL_ADD_DROPPED);

    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    bind_text(s, 1, slice_of(j->program));
    (void)sqlite3_bind_int64(s, 2, (int64_t)dropped);
    return run(s);
}

/* ---- usage ---- */

/* 1 and *usage; 0: there is no row; -1 with *code. */
static int usage_of(struct journal *j, struct slice tenant, struct slice mailbox, struct usage *usage, int *code)
{
    sqlite3_stmt *s = database_statement(j->file, SQL_USAGE_OF);
    int step;

    memset(usage, 0, sizeof *usage);
    if (s == NULL) {
        *code = sqlite3_extended_errcode(j->file->db);
        return -1;
    }
    bind_text(s, 1, tenant);
    bind_text(s, 2, mailbox);
    step = sqlite3_step(s);
    if (step == SQLITE_ROW)
        usage_read(s, 0, usage);
    *code = sqlite3_reset(s);
    return *code != SQLITE_OK ? -1 : step == SQLITE_ROW;
}

static int put_usage(struct journal *j, struct slice tenant, struct slice mailbox, const struct usage *u, bool there)
{
    sqlite3_stmt *s = database_statement(j->file, there ? SQL_SET_USAGE : SQL_ADD_USAGE);
    char texts[USAGE_TEXT_MAX];

    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    usage_bind(s, there ? 1 : 3, u, texts);
    bind_text(s, there ? 1 + USAGE_COLUMN_COUNT : 1, tenant);
    bind_text(s, there ? 2 + USAGE_COLUMN_COUNT : 2, mailbox);
    if (!there)
        add_fresh(j, MAILBOXES);
    return run(s);
}

/* Writes the entries of one mailbox, of which i is the first. *next: behind them. */
static int put_mailbox(struct journal *j, uint32_t i, uint32_t *next, int64_t *first_s)
{
    struct slice tenant, mailbox;
    struct usage usage;
    int code, found;

    tally_whose(j->tally, i, &tenant, &mailbox);
    found = usage_of(j, tenant, mailbox, &usage, &code);
    if (found < 0)
        return code;
    *next = tally_add_to(j->tally, i, &usage);
    if (usage.first_s > 0 && (*first_s == 0 || usage.first_s < *first_s))
        *first_s = usage.first_s;
    return put_usage(j, tenant, mailbox, &usage, found == 1);
}

/* As many from there on as one transaction takes; *to: behind the last of them. */
static int put_entries(struct journal *j, uint32_t from, uint32_t *to)
{
    uint32_t n = tally_count(j->tally), i = from;
    int64_t first_s = j->first_s;
    int code = SQLITE_OK;

    while (i < n && i - from < AT_ONCE && code == SQLITE_OK)
        code = put_mailbox(j, i, &i, &first_s);
    *to = i;
    if (code == SQLITE_OK && first_s != j->first_s) {
        code = run_with(j, SQL_SET_FIRST, first_s);
        j->first_s = first_s;
    }
    return code;
}

int journal_write_usage(struct journal *j, struct error *e)
{
    while (j->written < tally_count(j->tally)) {
        uint32_t to = 0;
        int code = run_sql(j, SQL_BEGIN);

        if (code == SQLITE_OK)
            code = put_entries(j, j->written, &to);
        if (code == SQLITE_OK)
            code = run_sql(j, SQL_COMMIT);
        if (code != SQLITE_OK)
            return journal_failed(j, "write", code, e);
        j->written = to;
        (void)database_checkpoint(j->file);
    }
    tally_clear(j->tally);
    j->written = 0;
    return 0;
}

/* ---- a round ---- */

int journal_write_round(struct journal *j, const struct journal_batch *batch, journal_totals_t totals, uint64_t dropped,
                        bool usage, struct error *e)
{
    uint32_t to = j->written;
    int code = run_sql(j, SQL_BEGIN);

    if (code == SQLITE_OK)
        code = put_batch(j, batch);
    if (code == SQLITE_OK)
        code = add_totals(j, totals);
    if (code == SQLITE_OK && j->counting.any)
        code = journal_put_counts(j, &j->counting);
    if (code == SQLITE_OK && dropped > 0)
        code = add_dropped(j, dropped);
    if (code == SQLITE_OK)
        code = drop_beyond(j, MESSAGES, j->bounds.decisions);
    if (code == SQLITE_OK)
        code = drop_beyond(j, REFUSALS, j->bounds.refusals);
    if (code == SQLITE_OK && usage)
        code = put_entries(j, j->written, &to);
    if (code == SQLITE_OK)
        code = run_sql(j, SQL_COMMIT);
    if (code != SQLITE_OK)
        return journal_failed(j, "write", code, e);
    j->written = to;
    return 0;
}

/* ---- forgetting ---- */

/* The mailbox up to which one transaction looks: its name as usage_name, nothing where it is the last. A code. */
static int find_next(struct journal *j, struct slice tenant, struct slice mailbox, char next[USAGE_NAME_MAX], size_t *n)
{
    sqlite3_stmt *s = database_statement(j->file, SQL_USAGE_BEHIND);

    *n = 0;
    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    bind_text(s, 1, tenant);
    bind_text(s, 2, mailbox);
    (void)sqlite3_bind_int64(s, 3, FORGET_AT_ONCE);
    if (sqlite3_step(s) == SQLITE_ROW)
        *n = usage_name(slice_of((const char *)sqlite3_column_text(s, 0)),
                        slice_of((const char *)sqlite3_column_text(s, 1)), next);
    return sqlite3_reset(s);
}

/* Those of a part of the usage that were not seen for so long: there is no index by that, since each change would
 * change it, too. So after a while all parts have been looked at. */
static int forget_old(struct journal *j, int64_t before_s)
{
    sqlite3_stmt *s = database_statement(j->file, SQL_FORGET);
    struct slice tenant, mailbox, to_tenant, to_mailbox;
    char next[USAGE_NAME_MAX];
    size_t n;
    int code;

    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    (void)slice_cut((struct slice){j->forgot, j->forgot_n}, '\0', &tenant, &mailbox);
    if ((code = find_next(j, tenant, mailbox, next, &n)) != SQLITE_OK)
        return code;
    bind_text(s, 1, tenant);
    bind_text(s, 2, mailbox);
    if (slice_cut((struct slice){next, n}, '\0', &to_tenant, &to_mailbox))
        bind_text(s, 3, to_tenant);
    else
        (void)sqlite3_bind_zeroblob(s, 3, 0); /* in SQLite's order behind all texts */
    bind_text(s, 4, to_mailbox);
    (void)sqlite3_bind_int64(s, 5, before_s);
    if ((code = run(s)) != SQLITE_OK)
        return code;
    memcpy(j->forgot, next, n);
    j->forgot_n = n;
    return SQLITE_OK;
}

static int forget_beyond(struct journal *j, int64_t *beyond)
{
    int code = run_with(j, SQL_FORGET_MOST, *beyond < FORGET_AT_ONCE ? *beyond : FORGET_AT_ONCE);

    *beyond -= FORGET_AT_ONCE;
    return code;
}

/* Runs it in a transaction. A code. */
static int transact(struct journal *j, int (*what)(struct journal *j, int64_t *number), int64_t *number)
{
    int code = run_sql(j, SQL_BEGIN);

    if (code == SQLITE_OK)
        code = what(j, number);
    return code == SQLITE_OK ? run_sql(j, SQL_COMMIT) : code;
}

static int forget_part(struct journal *j, int64_t *before_s)
{
    return forget_old(j, *before_s);
}

int journal_forget_usage(struct journal *j, uint64_t wall_ns, struct error *e)
{
    int64_t before_s = (int64_t)(wall_ns / NS_PER_S) - USAGE_DAYS * INT64_C(86400), beyond = 0;
    bool many = is_to_be_counted(j, MAILBOXES, j->bounds.mailboxes);
    int code = transact(j, forget_part, &before_s);

    if (code == SQLITE_OK && many)
        code = count_rows(j, SQL_COUNT_USAGE, &beyond);
    beyond -= j->bounds.mailboxes;
    while (code == SQLITE_OK && beyond > 0) {
        code = transact(j, forget_beyond, &beyond);
        (void)database_checkpoint(j->file);
    }
    return code == SQLITE_OK ? 0 : journal_failed(j, "write", code, e);
}
