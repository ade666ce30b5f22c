#include "core/report/decisions_shared.h"

#include "core/report/json_at.h"
#include "core/report/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A decision as "postern log --json" shows it. */
struct shared_decision {
    const json_t *json;
    const char *relay;
    int64_t wall_s;
    size_t order; /* as it came: each relay tells them in order */
};

struct shared_decisions {
    struct shared_decision *list;
    size_t n;
};

static const struct column people_columns[] = {
    {"time", VALUE_TIME},   {"relay", VALUE_TEXT},     {"verdict", VALUE_TEXT},
    {"reason", VALUE_TEXT}, {"login", VALUE_TEXT},     {"client", VALUE_TEXT},
    {"sender", VALUE_TEXT}, {"recipient", VALUE_TEXT}, {"limit", VALUE_TEXT},
};

/* The same as of one relay, after its name. */
static const struct column program_columns[] = {
    {"relay", VALUE_TEXT},         {"time", VALUE_TIME},     {"verdict", VALUE_TEXT},   {"reason", VALUE_TEXT},
    {"would", VALUE_TEXT},         {"by", VALUE_TEXT},       {"stage", VALUE_TEXT},     {"login", VALUE_TEXT},
    {"mailbox", VALUE_TEXT},       {"tenant", VALUE_TEXT},   {"connector", VALUE_TEXT}, {"client", VALUE_TEXT},
    {"method", VALUE_TEXT},        {"tls", VALUE_TEXT},      {"sender", VALUE_TEXT},    {"recipient", VALUE_TEXT},
    {"recipients", VALUE_NUMBER},  {"size", VALUE_BYTES},    {"limit", VALUE_TEXT},     {"retry_s", VALUE_DURATION},
    {"queue_id", VALUE_TEXT},      {"instance", VALUE_TEXT}, {"times", VALUE_NUMBER},   {"from", VALUE_TEXT},
    {"header_sender", VALUE_TEXT}, {"field", VALUE_TEXT},    {"fault", VALUE_TEXT},     {"header", VALUE_TEXT},
};

/* ---- reading ---- */

static int64_t time_at(const json_t *o, const char *name)
{
    struct tm tm = {.tm_year = 0};
    const char *end = strptime(text_at(o, name), "%Y-%m-%dT%H:%M:%SZ", &tm);

    return end != NULL && *end == '\0' ? (int64_t)timegm(&tm) : 0;
}

static int by_time(const void *a, const void *b)
{
    const struct shared_decision *one = a, *other = b;

    if (one->wall_s != other->wall_s)
        return one->wall_s < other->wall_s ? -1 : 1;
    return (one->order > other->order) - (one->order < other->order);
}

/* Relays whose "decisions" are no list did not answer. How many. */
static unsigned gather(const json_t *all, struct shared_decisions *x, struct printer *out)
{
    char shown[4 * TEXT_SHOWN_MAX + 8];
    unsigned missing = 0;

    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i), *decisions = json_object_get(one, "decisions");
        const char *relay = text_at(one, "relay");

        if (!json_is_array(decisions)) {
            printer_remark(out, REMARK_WARNING, "relay %s did not answer: its decisions are missing",
                           text_plain(shown, sizeof shown, slice_of(relay)));
            missing++;
        }
        for (size_t k = 0; k < json_array_size(decisions); k++, x->n++)
            x->list[x->n] = (struct shared_decision){json_array_get(decisions, k), relay,
                                                     time_at(json_array_get(decisions, k), "time"), x->n};
    }
    qsort(x->list, x->n, sizeof *x->list, by_time);
    return missing;
}

/* ---- showing ---- */

static struct value value_at(const struct shared_decision *d, const struct column *column)
{
    if (strcmp(column->name, "relay") == 0)
        return value_word(d->relay);
    switch (column->kind) {
    case VALUE_TIME:
        return value_time(d->wall_s);
    case VALUE_TEXT:
        return value_word_or_none(text_at(d->json, column->name));
    default:
        return (struct value){.kind = column->kind, .number = number_at(d->json, column->name)};
    }
}

static void put(const struct shared_decision *d, const struct table *table, struct printer *out)
{
    struct value cells[TABLE_COLUMNS_MAX];
    char verdict[64], reason[160], recipients[40];
    uint64_t times = number_at(d->json, "times");

    for (size_t i = 0; i < table->n; i++)
        cells[i] = value_at(d, table->columns + i);
    if (out->people) {
        (void)snprintf(verdict, sizeof verdict, times > 1 ? "%.32s x%llu" : "%.32s", text_at(d->json, "verdict"),
                       (unsigned long long)times);
        (void)snprintf(reason, sizeof reason, text_at(d->json, "would")[0] != '\0' ? "%.64s (would: %.64s)" : "%.64s",
                       text_at(d->json, "reason"), text_at(d->json, "would"));
        (void)snprintf(recipients, sizeof recipients, "%llu recipients",
                       (unsigned long long)number_at(d->json, "recipients"));
        cells[2] = value_word(verdict);
        cells[3] = value_word(reason);
        if (text_at(d->json, "login")[0] == '\0')
            cells[4] = value_word_or_none(text_at(d->json, "connector"));
        if (text_at(d->json, "recipient")[0] == '\0' && number_at(d->json, "recipients") > 0)
            cells[7] = value_word(recipients);
    }
    out->row(out, cells);
}

static void show(const struct shared_decisions *x, size_t most, struct printer *out)
{
    struct table table = {TABLE_COLUMNS(program_columns), .empty = "no matching decisions"};

    if (out->people) {
        table.columns = people_columns;
        table.n = sizeof people_columns / sizeof *people_columns;
    }
    out->table(out, &table);
    for (size_t i = x->n > most ? x->n - most : 0; i < x->n; i++)
        put(x->list + i, &table, out);
    out->end(out);
}

int decisions_shared_report(struct slice text, size_t most, struct printer *out, size_t *n, struct error *e)
{
    json_t *all = json_loadb(text.p, text.n, 0, NULL);
    struct shared_decisions x = {.n = 0};
    size_t room = 1;
    unsigned missing;

    if (!json_is_array(all)) {
        json_decref(all);
        return error_set(e, "what postern-cluster has gathered cannot be read");
    }
    for (size_t i = 0; i < json_array_size(all); i++)
        room += json_array_size(json_object_get(json_array_get(all, i), "decisions"));
    if ((x.list = calloc(room, sizeof *x.list)) == NULL) {
        json_decref(all);
        return error_set(e, "out of memory; ask for fewer decisions");
    }
    missing = gather(all, &x, out);
    show(&x, most, out);
    *n = x.n;
    free(x.list);
    json_decref(all);
    return missing == 0 ? 0 : 1;
}
