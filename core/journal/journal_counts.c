/* What the journal counts beside decisions: hits of limits, blocks, what monitor mode would refuse, and how long it
 * takes to decide. */
#include "core/journal/journal_parts.h"

/* As they stand in the database. */
static const char *const kinds[COUNTED_KINDS] = {
    [COUNTED_DEFER] = "defer", [COUNTED_REJECT] = "reject",   [COUNTED_HOLD] = "hold",
    [COUNTED_BLOCK] = "block", [COUNTED_MONITOR] = "monitor", [COUNTED_BLOCKS] = "blocks",
    [COUNTED_WOULD] = "would", [COUNTED_TIME] = "time",       [COUNTED_TIME_SUM] = "time-sum",
};

/* A decision takes some microseconds; what takes longer than a client waits is in the last part. */
static const uint64_t bounds_us[JOURNAL_TIMES - 1] = {2,    5,    10,   20,    50,    100,    200,    500,
                                                      1000, 2000, 5000, 10000, 50000, 200000, 1000000};

uint64_t journal_time_bound_us(unsigned part)
{
    return part < JOURNAL_TIMES - 1 ? bounds_us[part] : 0;
}

bool counted_find(struct slice name, enum journal_counted *what)
{
    for (unsigned i = 0; i < COUNTED_KINDS; i++)
        if (slice_eq(name, slice_of(kinds[i]))) {
            *what = (enum journal_counted)i;
            return true;
        }
    return false;
}

/* ---- counting ---- */

static struct journal_counts_limit *limit_of(struct journal_counts *c, struct slice name)
{
    struct journal_counts_limit *last = &c->limits[COUNTS_LIMITS_MAX - 1];
    struct buf b;

    for (unsigned i = 0; i < c->n_limits; i++)
        if (slice_eq(slice_of(c->limits[i].name), name))
            return &c->limits[i];
    if (c->n_limits == COUNTS_LIMITS_MAX - 1 || name.n >= sizeof last->name)
        return last;
    b = BUF_OVER(c->limits[c->n_limits].name);
    buf_add(&b, name);
    return &c->limits[c->n_limits++];
}

/* What a limit did where this is the reason. False: none did anything. */
static bool limit_did(enum reason reason, enum journal_counted *what)
{
    switch (reason) {
    case REASON_LIMIT:
        *what = COUNTED_DEFER;
        return true;
    case REASON_LIMIT_REJECT:
    case REASON_LIMIT_NEVER:
        *what = COUNTED_REJECT;
        return true;
    case REASON_LIMIT_HOLD:
        *what = COUNTED_HOLD;
        return true;
    case REASON_LIMIT_BLOCK:
        *what = COUNTED_BLOCK;
        return true;
    default:
        return false;
    }
}

static void add_time(struct journal_counts *c, uint64_t took_ns)
{
    unsigned part = 0;

    while (part < JOURNAL_TIMES - 1 && took_ns > bounds_us[part] * 1000)
        part++;
    c->times[part]++;
    c->time_sum_ns += took_ns;
}

void counts_add(struct journal_counts *c, const struct journal_event *v)
{
    enum journal_counted what;

    c->any = true;
    if (v->took_ns != 0)
        add_time(c, v->took_ns);
    if (v->monitored != REASON_NOT_OURS)
        c->would[v->monitored]++;
    if (v->limit.n == 0)
        return;
    if (limit_did(v->reason, &what))
        limit_of(c, v->limit)->counts[what]++;
    else if (limit_did(v->monitored, &what))
        limit_of(c, v->limit)->counts[COUNTED_MONITOR]++;
}

void counts_add_block(struct journal_counts *c, struct slice limit)
{
    c->any = true;
    limit_of(c, limit)->counts[COUNTED_BLOCKS]++;
}

void counts_subtract(struct journal_counts *c, const struct journal_counts *written)
{
    bool any = c->time_sum_ns != written->time_sum_ns;

    for (unsigned i = 0; i < COUNTS_LIMITS_MAX; i++)
        for (unsigned k = 0; k < COUNTS_OF_LIMIT; k++) {
            c->limits[i].counts[k] -= written->limits[i].counts[k];
            any |= c->limits[i].counts[k] != 0;
        }
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        c->would[i] -= written->would[i];
        any |= c->would[i] != 0;
    }
    for (unsigned i = 0; i < JOURNAL_TIMES; i++) {
        c->times[i] -= written->times[i];
        any |= c->times[i] != 0;
    }
    c->time_sum_ns -= written->time_sum_ns;
    c->any = any;
}

/* ---- writing ---- */

static int put_count(struct journal *j, enum journal_counted what, const char *name, uint64_t count)
{
    sqlite3_stmt *s = database_statement(j->file, SQL_ADD_COUNT);

    if (s == NULL)
        return sqlite3_extended_errcode(j->file->db);
    (void)sqlite3_bind_text(s, 1, j->program, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(s, 2, kinds[what], -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(s, 3, name, -1, SQLITE_STATIC);
    database_bind_number(s, 4, count);
    (void)sqlite3_step(s);
    return sqlite3_reset(s);
}

static int put_limit(struct journal *j, const struct journal_counts_limit *limit)
{
    int code = SQLITE_OK;

    for (unsigned k = 0; k < COUNTS_OF_LIMIT && code == SQLITE_OK; k++)
        if (limit->counts[k] != 0)
            code = put_count(j, (enum journal_counted)k, limit->name, limit->counts[k]);
    return code;
}

static int put_times(struct journal *j, const struct journal_counts *c)
{
    char name[24];
    int code = c->time_sum_ns != 0 ? put_count(j, COUNTED_TIME_SUM, "", c->time_sum_ns) : SQLITE_OK;

    for (unsigned i = 0; i < JOURNAL_TIMES && code == SQLITE_OK; i++) {
        struct buf b = BUF_OVER(name);

        if (c->times[i] == 0)
            continue;
        if (i < JOURNAL_TIMES - 1)
            buf_addf(&b, "%llu", (unsigned long long)bounds_us[i]);
        else
            buf_add(&b, SLICE("inf"));
        code = put_count(j, COUNTED_TIME, name, c->times[i]);
    }
    return code;
}

int journal_put_counts(struct journal *j, const struct journal_counts *c)
{
    int code = put_times(j, c);

    for (unsigned i = 0; i < COUNTS_LIMITS_MAX && code == SQLITE_OK; i++)
        code = put_limit(j, &c->limits[i]);
    for (unsigned i = 0; i < REASON_COUNT && code == SQLITE_OK; i++)
        if (c->would[i] != 0)
            code = put_count(j, COUNTED_WOULD, reason_row((enum reason)i)->name, c->would[i]);
    return code;
}
