#include "core/report/usage_missing.h"

#define NAMED 3u /* in an error, which has little room */

struct finding {
    struct usage_missing *out;
    struct buf words, names;
    usage_missing_each *each;
    void *arg;
};

static void add(struct finding *f, struct slice name, const char *words)
{
    if (f->out->n++ < NAMED)
        buf_addf(&f->words, "%s%s", f->words.n > 0 ? ", " : "", words);
    if (name.n + 1 < sizeof f->out->names - f->names.n) {
        buf_add(&f->names, f->names.n > 0 ? SLICE(" ") : SLICE(""));
        buf_add_escaped(&f->names, name, sizeof f->out->names);
    }
    if (f->each != NULL)
        f->each(f->arg, words);
}

static void add_gap(void *arg, const struct usage_gap *gap)
{
    char text[300];
    struct buf b = BUF_OVER(text);

    usage_gap_words(gap, &b);
    add(arg, gap->relay != NULL ? slice_of(gap->relay) : SLICE("*"), text);
}

int usage_missing_find(const struct config *config, struct journal *journal, int64_t now_s, struct usage_missing *out,
                       usage_missing_each *each, void *arg, struct error *e)
{
    struct finding f = {.out = out, .each = each, .arg = arg};
    const struct usage_gap none = {.kind = USAGE_GAP_ALL, .why = "this relay keeps no journal"};

    *out = (struct usage_missing){.n = 0};
    f.words = BUF_OVER(out->words);
    f.names = BUF_OVER(out->names);
    if (journal_unknown_relays(journal, config->other_relays, config->n_other_relays, add_gap, &f, e) != 0)
        return -1;
    if (config->cluster.configured && journal == NULL)
        add_gap(&f, &none);
    else if (journal != NULL && journal_usage_gaps(journal, now_s, add_gap, &f, e) != 0)
        return -1;
    if (out->n > NAMED)
        buf_addf(&f.words, " and %zu more", out->n - NAMED);
    return 0;
}

static void warn(void *arg, const char *words)
{
    printer_remark(arg, REMARK_WARNING, "%s: what was used there since is not counted here", words);
}

int usage_missing_warn(const struct config *config, struct journal *journal, int64_t now_s, struct printer *out,
                       struct error *e)
{
    struct usage_missing missing;

    return usage_missing_find(config, journal, now_s, &missing, warn, out, e);
}
