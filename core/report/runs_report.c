#include "core/report/runs_report.h"

#include "core/journal/mirror_runs.h"

static const struct column columns[] = {{"ended", VALUE_TIME},  {"tenant", VALUE_TEXT},    {"how", VALUE_TEXT},
                                        {"result", VALUE_TEXT}, {"changes", VALUE_NUMBER}, {"took", VALUE_DURATION},
                                        {"trouble", VALUE_TEXT}};

/* A word, or nothing; the row is printed before the memory is used again. */
static struct value text_of(char *mem, size_t cap, struct slice text)
{
    struct buf b = buf_over(mem, cap);

    buf_add(&b, text);
    return value_word_or_none(mem);
}

static bool put_run(void *arg, const struct mirror_run *run)
{
    struct printer *out = arg;
    char tenant[64], how[16], trouble[MIRROR_TROUBLE_MAX + 1];
    int64_t took = run->ended_s > run->began_s ? run->ended_s - run->began_s : 0;

    out->row(out,
             (const struct value[]){value_time(run->ended_s), text_of(tenant, sizeof tenant, run->tenant),
                                    text_of(how, sizeof how, run->how), value_word(mirror_result_word(run->result)),
                                    value_number(run->changes), value_duration((uint64_t)took),
                                    text_of(trouble, sizeof trouble, run->trouble)});
    return !out->enough;
}

int runs_report(const struct report_files *files, int64_t since_s, size_t most, struct printer *out, struct error *e)
{
    int result;

    out->table(out, &(struct table){TABLE_COLUMNS(columns)});
    result = mirror_runs(files->history, since_s, most, put_run, out, e);
    out->end(out);
    return result;
}
