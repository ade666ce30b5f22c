#include "core/report/runs_report.h"

#include "core/access/role.h"
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

struct runs_put {
    const struct runs_wanted *wanted;
    struct printer *out;
    size_t n;
};

static bool put_run(void *arg, const struct mirror_run *run)
{
    struct runs_put *put = arg;
    struct printer *out = put->out;
    char tenant[64], how[16], trouble[MIRROR_TROUBLE_MAX + 1];
    int64_t took = run->ended_s > run->began_s ? run->ended_s - run->began_s : 0;

    if (put->wanted->scope.n > 0 && !scope_has(put->wanted->scope, run->tenant))
        return true;
    out->row(out,
             (const struct value[]){value_time(run->ended_s), text_of(tenant, sizeof tenant, run->tenant),
                                    text_of(how, sizeof how, run->how), value_word(mirror_result_word(run->result)),
                                    value_number(run->changes), value_duration((uint64_t)took),
                                    text_of(trouble, sizeof trouble, run->trouble)});
    return !out->enough && ++put->n < put->wanted->most;
}

int runs_report(const struct report_files *files, const struct runs_wanted *wanted, struct printer *out,
                struct error *e)
{
    struct runs_put put = {.wanted = wanted, .out = out};
    size_t most = wanted->scope.n > 0 ? SIZE_MAX / 2 : wanted->most;
    int result;

    out->table(out, &(struct table){TABLE_COLUMNS(columns)});
    result = mirror_runs(files->history, wanted->since_s, most, put_run, &put, e);
    out->end(out);
    return result;
}
