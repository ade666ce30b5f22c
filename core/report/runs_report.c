#include "core/report/runs_report.h"

#include "core/journal/setting_changes.h"

static const struct column columns[] = {{"seen", VALUE_TIME}, {"tenant", VALUE_TEXT},    {"how", VALUE_TEXT},
                                        {"by", VALUE_TEXT},   {"changes", VALUE_NUMBER}, {"source", VALUE_TEXT}};

/* One run, while its changes come: they come together. */
struct runs_walk {
    struct printer *out;
    uint64_t changes; /* 0: no run yet */
    int64_t seen_s;
    char tenant[64], how[16], by[64], source[160];
};

static void keep(char *out, size_t cap, struct slice text)
{
    struct buf b = buf_over(out, cap);

    buf_add(&b, text);
}

static void put_run(struct runs_walk *w)
{
    if (w->changes > 0)
        w->out->row(w->out, (const struct value[]){value_time(w->seen_s), value_word_or_none(w->tenant),
                                                   value_word_or_none(w->how), value_word_or_none(w->by),
                                                   value_number(w->changes), value_word_or_none(w->source)});
    w->changes = 0;
}

static bool same_run(const struct runs_walk *w, const struct setting_run *run)
{
    return w->changes > 0 && w->seen_s == run->seen_s && slice_eq(slice_of(w->tenant), run->tenant) &&
           slice_eq(slice_of(w->how), run->how);
}

static bool take_change(void *arg, const struct setting_run *run, const struct setting_change *change)
{
    struct runs_walk *w = arg;

    if (!same_run(w, run)) {
        put_run(w);
        w->seen_s = run->seen_s;
        keep(w->tenant, sizeof w->tenant, run->tenant);
        keep(w->how, sizeof w->how, run->how);
        keep(w->by, sizeof w->by, run->by);
        keep(w->source, sizeof w->source, change->source);
    }
    w->changes++;
    return !w->out->enough;
}

int runs_report(const struct report_files *files, int64_t since_s, struct printer *out, struct error *e)
{
    struct setting_query query = {.since_s = since_s};
    struct runs_walk w = {.out = out};
    int result;

    if (files->view != NULL)
        query.generation = directory_view_generation(files->view);
    out->table(out, &(struct table){TABLE_COLUMNS(columns)});
    result = setting_changes(files->history, &query, take_change, &w, e);
    put_run(&w);
    out->end(out);
    return result;
}
