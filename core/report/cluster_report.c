#include "core/report/cluster_report.h"

#include "core/base/spool.h"
#include "core/report/text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#define STATUS_FILE "cluster.json"
#define STATUS_BYTES_MAX (1u << 20)
/* It is written every two seconds. */
#define STATUS_OLD_S 15
/* Clocks further apart are worth a look: a failover of Redis shifts what is counted by that. */
#define CLOCK_MOST_MS 1000
#define NAME_WIDTH 24

static const struct column columns[] = {
    {"relay", VALUE_TEXT},     {"state", VALUE_TEXT},  {"silent", VALUE_DURATION},      {"differs", VALUE_TEXT},
    {"waiting", VALUE_NUMBER}, {"lost", VALUE_NUMBER}, {"round_trip_us", VALUE_NUMBER}, {"generation", VALUE_NUMBER},
    {"version", VALUE_TEXT},   {"since", VALUE_TIME},
};

/* ---- the file ---- */

static int load_status(const struct config *config, json_t **out, struct error *e)
{
    char *path = strdup(config->cluster.outbox), *text = NULL;
    int folder = path != NULL ? open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, result = -1;
    size_t n;

    *out = NULL;
    if (folder < 0)
        (void)error_set(e, "the folder of %s: %s", config->cluster.outbox, strerror(errno));
    else
        result = spool_get(folder, STATUS_FILE, STATUS_BYTES_MAX, &text, &n, e);
    if (result == 0 && ((*out = json_loadb(text, n, 0, NULL)) == NULL || !json_is_object(*out)))
        result = error_set(e, "%s beside %s is not what postern-cluster writes", STATUS_FILE, config->cluster.outbox);
    if (folder >= 0)
        (void)close(folder);
    free(text);
    free(path);
    return result == 0 ? 0 : -1;
}

static const char *text_at(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text != NULL ? text : "";
}

static uint64_t number_at(const json_t *o, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(o, name));

    return n > 0 ? (uint64_t)n : 0;
}

/* ---- what needs a look ---- */

/* Prints a remark for each; how many. */
static unsigned tell_troubles(const json_t *status, int64_t age_s, struct printer *out)
{
    const json_t *own = json_object_get(status, "own"), *nodes = json_object_get(status, "nodes");
    int64_t clock_ms = json_integer_value(json_object_get(own, "clock_ms"));
    char shown[4 * TEXT_SHOWN_MAX + 8];
    unsigned troubles = 0;

    if (age_s > STATUS_OLD_S) {
        printer_remark(out, REMARK_WARNING, "postern-cluster does not run, or hangs: this was written %lld s ago",
                       (long long)age_s);
        troubles++;
    }
    if (strcmp(text_at(own, "state"), "shares") != 0) {
        printer_remark(out, REMARK_WARNING, "this relay counts for itself (%s): %s", text_at(own, "state"),
                       text_plain(shown, sizeof shown, slice_of(text_at(status, "trouble"))));
        troubles++;
    }
    /* Of the others nothing is heard then. */
    if (strcmp(text_at(own, "state"), "shares") != 0)
        return troubles;
    if (json_is_true(json_object_get(status, "clone"))) {
        printer_remark(out, REMARK_WARNING, "another relay has this one's name: a copied machine?");
        troubles++;
    }
    if (llabs(clock_ms) > CLOCK_MOST_MS) {
        printer_remark(out, REMARK_WARNING, "the clocks of Redis and of this relay differ by %lld ms",
                       (long long)clock_ms);
        troubles++;
    }
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        if (number_at(node, "silent_s") > 0)
            printer_remark(out, REMARK_WARNING, "relay %s has been silent for %llu s", text_at(node, "name"),
                           (unsigned long long)number_at(node, "silent_s"));
        else if (text_at(node, "differs")[0] != '\0')
            printer_remark(out, REMARK_WARNING, "relay %s differs in: %s", text_at(node, "name"),
                           text_at(node, "differs"));
        troubles += number_at(node, "silent_s") > 0 || text_at(node, "differs")[0] != '\0';
    }
    return troubles;
}

static void show_relay_line(const json_t *said, struct printer *out)
{
    uint64_t silent_s = number_at(said, "silent_s"), us = number_at(said, "round_trip_us");
    char text[200];
    struct buf b = BUF_OVER(text);

    if (silent_s > 0)
        buf_addf(&b, "silent for %llu s", (unsigned long long)silent_s);
    else
        buf_addf(&b, "%s, Redis answers in %llu.%llu ms, %llu waiting, %llu lost", text_at(said, "state"),
                 (unsigned long long)(us / 1000), (unsigned long long)(us / 100 % 10),
                 (unsigned long long)number_at(said, "waiting"), (unsigned long long)number_at(said, "lost"));
    if (text_at(said, "differs")[0] != '\0')
        buf_addf(&b, "; differs in %s", text_at(said, "differs"));
    printer_field(out, text_at(said, "name"), NAME_WIDTH, "%s", text);
}

static void show_relay(const json_t *said, struct printer *out)
{
    const struct value cells[] = {
        value_word(text_at(said, "name")),
        value_word(text_at(said, "state")),
        number_at(said, "silent_s") > 0 ? value_duration(number_at(said, "silent_s")) : value_none(),
        value_word_or_none(text_at(said, "differs")),
        value_number(number_at(said, "waiting")),
        value_number(number_at(said, "lost")),
        value_number(number_at(said, "round_trip_us")),
        value_number(number_at(said, "generation")),
        value_word(text_at(said, "version")),
        value_time(json_integer_value(json_object_get(said, "started"))),
    };

    _Static_assert(sizeof cells / sizeof *cells == sizeof columns / sizeof *columns, "a cell for each column");
    if (out->people)
        show_relay_line(said, out);
    else
        out->row(out, cells);
}

static void show_relays(const json_t *status, struct printer *out)
{
    const struct table table = {TABLE_COLUMNS(columns), .empty = NULL};
    const json_t *nodes = json_object_get(status, "nodes");

    if (!out->people)
        out->table(out, &table);
    show_relay(json_object_get(status, "own"), out);
    for (size_t i = 0; i < json_array_size(nodes); i++)
        show_relay(json_array_get(nodes, i), out);
    if (!out->people)
        out->end(out);
}

/* Where one of several relays asks Exchange Online, and the others follow. */
static void show_mirror(const json_t *status, struct printer *out)
{
    const json_t *mirror = json_object_get(status, "mirror");
    char shown[4 * TEXT_SHOWN_MAX + 8];

    if (!json_is_object(mirror) || !out->people)
        return;
    if (text_at(mirror, "by")[0] == '\0')
        printer_text(out, "No relay is known to mirror Exchange Online for all: each that could does");
    else
        printer_text(out, "%s mirrors Exchange Online, and the others follow it",
                     text_plain(shown, sizeof shown, slice_of(text_at(mirror, "by"))));
}

int cluster_report(const struct config *config, int64_t wall_s, struct printer *out, struct error *e)
{
    unsigned troubles;
    json_t *status;
    int64_t at_ms;

    if (!config->cluster.configured)
        return error_set(e, "%s has no group \"cluster\": this relay counts for itself", config->file);
    if (load_status(config, &status, e) != 0)
        return error_prefix(e, "does postern-cluster run?");
    at_ms = json_integer_value(json_object_get(json_object_get(status, "own"), "at"));
    show_relays(status, out);
    show_mirror(status, out);
    troubles = tell_troubles(status, wall_s - at_ms / 1000, out);
    json_decref(status);
    return troubles == 0 ? 0 : 1;
}

bool cluster_facts(const struct config *config, int64_t wall_s, struct cluster_facts *out)
{
    const json_t *own, *nodes;
    json_t *status;

    *out = (struct cluster_facts){.shares = false};
    if (!config->cluster.configured)
        return false;
    if (load_status(config, &status, NULL) != 0)
        return true;
    own = json_object_get(status, "own");
    nodes = json_object_get(status, "nodes");
    out->shares = strcmp(text_at(own, "state"), "shares") == 0 &&
                  wall_s - json_integer_value(json_object_get(own, "at")) / 1000 <= STATUS_OLD_S;
    out->waiting = number_at(own, "waiting");
    out->lost = number_at(own, "lost");
    out->round_trip_us = number_at(own, "round_trip_us");
    out->clock_ms = json_integer_value(json_object_get(own, "clock_ms"));
    out->relays = json_array_size(nodes);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        out->silent += number_at(json_array_get(nodes, i), "silent_s") > 0;
        out->differing += text_at(json_array_get(nodes, i), "differs")[0] != '\0';
    }
    json_decref(status);
    return true;
}
