/* Metrics of what the journal counts by name. */
#include "core/base/clock.h"
#include "core/report/metrics_parts.h"

/* What a limit's `then` is called here: the words of the configuration. */
static const struct {
    enum journal_counted what;
    const char *word;
    enum limit_then then;
} hits[] = {
    {COUNTED_DEFER, "defer", THEN_DEFER}, {COUNTED_REJECT, "reject", THEN_REJECT},    {COUNTED_HOLD, "hold", THEN_HOLD},
    {COUNTED_BLOCK, "block", THEN_BLOCK}, {COUNTED_MONITOR, "monitor", THEN_MONITOR},
};

/* Of all programs. */
static uint64_t count_of(const struct picture *p, enum journal_counted what, const char *name)
{
    uint64_t count = 0;

    for (size_t i = 0; i < p->n_counts; i++)
        if (p->counts[i].what == what && strcmp(p->counts[i].name, name) == 0)
            count += p->counts[i].count;
    return count;
}

static bool is_configured(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_limits; i++)
        if (strcmp(c->limits[i].name, name) == 0)
            return true;
    return false;
}

/* Is it the first of that kind and name? Rows of different programs follow each other. */
static bool is_first(const struct picture *p, size_t i)
{
    return i == 0 || p->counts[i].what != p->counts[i - 1].what ||
           strcmp(p->counts[i].name, p->counts[i - 1].name) != 0;
}

/* Those of the configuration also when nothing was counted yet, so that the first hit is seen as an increase. */
static void print_limits(const struct picture *p, const struct config *c, struct printer *out)
{
    char text[100];

    metrics_family(out, "postern_limit_hits_total", "counter",
                   "Decisions in which a limit acted, by what it did; monitor: would have.");
    for (size_t h = 0; h < sizeof hits / sizeof *hits; h++) {
        for (size_t i = 0; i < c->n_limits; i++)
            if (c->limits[i].then == hits[h].then || count_of(p, hits[h].what, c->limits[i].name) > 0)
                metrics_put(out, "postern_limit_hits_total{limit=\"%s\",then=\"%s\"} %llu",
                            metrics_label(text, sizeof text, c->limits[i].name), hits[h].word,
                            (unsigned long long)count_of(p, hits[h].what, c->limits[i].name));
        for (size_t i = 0; i < p->n_counts; i++)
            if (p->counts[i].what == hits[h].what && is_first(p, i) && !is_configured(c, p->counts[i].name))
                metrics_put(out, "postern_limit_hits_total{limit=\"%s\",then=\"%s\"} %llu",
                            metrics_label(text, sizeof text, p->counts[i].name), hits[h].word,
                            (unsigned long long)count_of(p, hits[h].what, p->counts[i].name));
    }
}

static void print_by_name(const struct picture *p, enum journal_counted what, const char *family, const char *label,
                          struct printer *out)
{
    char text[100];

    for (size_t i = 0; i < p->n_counts; i++)
        if (p->counts[i].what == what && is_first(p, i))
            metrics_put(out, "%s{%s=\"%s\"} %llu", family, label, metrics_label(text, sizeof text, p->counts[i].name),
                        (unsigned long long)count_of(p, what, p->counts[i].name));
}

/* ---- how long deciding takes ---- */

static uint64_t time_of(const struct picture *p, const char *program, enum journal_counted what, const char *name)
{
    for (size_t i = 0; i < p->n_counts; i++)
        if (p->counts[i].what == what && strcmp(p->counts[i].program, program) == 0 &&
            strcmp(p->counts[i].name, name) == 0)
            return p->counts[i].count;
    return 0;
}

static void print_times_of(const struct picture *p, const char *program, uint64_t sum_ns, struct printer *out)
{
    char text[100], name[24];
    uint64_t count = 0;

    (void)metrics_label(text, sizeof text, program);
    for (unsigned i = 0; i < JOURNAL_TIMES; i++) {
        uint64_t us = journal_time_bound_us(i);
        struct buf b = BUF_OVER(name);

        if (us != 0)
            buf_addf(&b, "%llu", (unsigned long long)us);
        else
            buf_add(&b, SLICE("inf"));
        count += time_of(p, program, COUNTED_TIME, name);
        if (us != 0)
            metrics_put(out, "postern_decision_seconds_bucket{program=\"%s\",le=\"%.6f\"} %llu", text, (double)us / 1e6,
                        (unsigned long long)count);
    }
    metrics_put(out, "postern_decision_seconds_bucket{program=\"%s\",le=\"+Inf\"} %llu", text,
                (unsigned long long)count);
    metrics_put(out, "postern_decision_seconds_sum{program=\"%s\"} %llu.%09llu", text,
                (unsigned long long)(sum_ns / NS_PER_S), (unsigned long long)(sum_ns % NS_PER_S));
    metrics_put(out, "postern_decision_seconds_count{program=\"%s\"} %llu", text, (unsigned long long)count);
}

static void print_times(const struct picture *p, struct printer *out)
{
    metrics_family(out, "postern_decision_seconds", "histogram",
                   "How long decisions took that are in the journal, from the question to the verdict.");
    for (size_t i = 0; i < p->n_counts; i++)
        if (p->counts[i].what == COUNTED_TIME_SUM)
            print_times_of(p, p->counts[i].program, p->counts[i].count, out);
}

void metrics_of_counts(const struct picture *p, const struct report_files *f, struct printer *out)
{
    if (!p->has_journal || f->config == NULL)
        return;
    if (!p->config_partial)
        print_limits(p, f->config, out);
    metrics_family(out, "postern_blocks_made_total", "counter", "Blocks that limits made.");
    print_by_name(p, COUNTED_BLOCKS, "postern_blocks_made_total", "limit", out);
    metrics_family(out, "postern_would_refuse_total", "counter",
                   "Decisions that were let through in monitor mode, by what they would have been refused for.");
    print_by_name(p, COUNTED_WOULD, "postern_would_refuse_total", "reason", out);
    print_times(p, out);
}
