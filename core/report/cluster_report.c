#include "core/report/cluster_report.h"

#include "core/base/spool.h"
#include "core/journal/others.h"
#include "core/report/json_at.h"
#include "core/report/text.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
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
    {"version", VALUE_TEXT},   {"since", VALUE_TIME},  {"allowed", VALUE_NUMBER},       {"denied", VALUE_NUMBER},
};

/* ---- the file ---- */

/* 0 with *out; 1: there is none; -1 with e: it cannot be read. */
static int load_status(const struct config *config, json_t **out, struct error *e)
{
    char *path = strdup(config->cluster.outbox), *text = NULL;
    int folder = path != NULL ? open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, result = -1;
    size_t n;

    *out = NULL;
    if ((folder < 0 || faccessat(folder, STATUS_FILE, F_OK, 0) != 0) && errno == ENOENT)
        result = 1;
    else if (folder < 0)
        (void)error_set(e, "the folder of %s: %s", config->cluster.outbox, strerror(errno));
    else
        result = spool_get(folder, STATUS_FILE, STATUS_BYTES_MAX, &text, &n, e);
    if (result == 0 && ((*out = json_loadb(text, n, 0, NULL)) == NULL || !json_is_object(*out)))
        result = error_set(e, "%s beside %s is not what postern-cluster writes", STATUS_FILE, config->cluster.outbox);
    if (folder >= 0)
        (void)close(folder);
    free(text);
    free(path);
    return result >= 0 ? result : -1;
}

/* ---- what needs a look ---- */

/* Without the key it will not start again. Who may not look into its folder is told nothing of it. How many remarks. */
static unsigned tell_membership(const struct config *config, struct printer *out)
{
    if (access(config->cluster.key_file, F_OK) == 0 || errno != ENOENT)
        return 0;
    printer_remark(out, REMARK_WARNING,
                   "there is no cluster key %s: \"postern-cluster init\" makes it on the first relay; the others get a "
                   "copy of it, and \"postern-cluster join\"",
                   config->cluster.key_file);
    return 1;
}

static unsigned tell_absence(struct printer *out)
{
    printer_remark(out, REMARK_WARNING,
                   "postern-cluster does not run, and has not since this machine began: this relay counts for itself");
    return 1;
}

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
    if (text_at(status, "refused")[0] != '\0') {
        printer_remark(out, REMARK_WARNING, "not all is shared: %s",
                       text_plain(shown, sizeof shown, slice_of(text_at(status, "refused"))));
        troubles++;
    }
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

/* Of another relay nothing is heard while this one has no connection. */
static void show_relay_line(const json_t *said, bool heard, struct printer *out)
{
    uint64_t silent_s = number_at(said, "silent_s"), us = number_at(said, "round_trip_us");
    char text[200];
    struct buf b = BUF_OVER(text);

    if (!heard)
        buf_add(&b, SLICE("not heard at the moment"));
    else if (silent_s > 0)
        buf_addf(&b, "silent for %llu s", (unsigned long long)silent_s);
    else
        buf_addf(&b, "%s, %llu waiting, %llu lost", text_at(said, "state"),
                 (unsigned long long)number_at(said, "waiting"), (unsigned long long)number_at(said, "lost"));
    if (heard && silent_s == 0 && us > 0 && strcmp(text_at(said, "state"), "shares") == 0)
        buf_addf(&b, ", Redis answers in %llu.%llu ms", (unsigned long long)(us / 1000),
                 (unsigned long long)(us / 100 % 10));
    if (silent_s == 0 && number_at(said, "allowed") + number_at(said, "denied") > 0)
        buf_addf(&b, ", lists: %llu allowed, %llu denied", (unsigned long long)number_at(said, "allowed"),
                 (unsigned long long)number_at(said, "denied"));
    if (text_at(said, "differs")[0] != '\0')
        buf_addf(&b, "; differs in %s", text_at(said, "differs"));
    printer_field(out, text_at(said, "name"), NAME_WIDTH, "%s", text);
}

static void show_relay(const json_t *said, bool heard, struct printer *out)
{
    const struct value cells[] = {
        value_word(text_at(said, "name")),
        heard ? value_word(text_at(said, "state")) : value_none(),
        number_at(said, "silent_s") > 0 ? value_duration(number_at(said, "silent_s")) : value_none(),
        value_word_or_none(text_at(said, "differs")),
        value_number(number_at(said, "waiting")),
        value_number(number_at(said, "lost")),
        value_number(number_at(said, "round_trip_us")),
        value_number(number_at(said, "generation")),
        value_word(text_at(said, "version")),
        value_time(json_integer_value(json_object_get(said, "started"))),
        value_number(number_at(said, "allowed")),
        value_number(number_at(said, "denied")),
    };

    _Static_assert(sizeof cells / sizeof *cells == sizeof columns / sizeof *columns, "a cell for each column");
    if (out->people)
        show_relay_line(said, heard, out);
    else
        out->row(out, cells);
}

/* status NULL: none is known. */
static void show_relays(const json_t *status, struct printer *out)
{
    const struct table table = {TABLE_COLUMNS(columns), .empty = NULL};
    const json_t *own = json_object_get(status, "own"), *nodes = json_object_get(status, "nodes");
    bool shares = strcmp(text_at(own, "state"), "shares") == 0;

    if (!out->people)
        out->table(out, &table);
    if (status != NULL)
        show_relay(own, true, out);
    for (size_t i = 0; i < json_array_size(nodes); i++)
        show_relay(json_array_get(nodes, i), shares, out);
    if (!out->people)
        out->end(out);
}

/* ---- usage ---- */

static void note_gap(void *arg, const struct usage_gap *gap)
{
    char text[300];
    struct buf b = BUF_OVER(text);

    usage_gap_words(gap, &b);
    printer_remark(arg, REMARK_NOTE, "Reports on usage are incomplete: %s.", text);
}

/* A note, and no trouble: a new relay needs a while to tell all. */
static void note_usage(const struct config *config, int64_t wall_s, struct printer *out)
{
    struct usage_gap gap = {.kind = USAGE_GAP_ALL};
    struct others *others;
    struct error notice, e;

    if (others_open(config->cluster.folder, false, &others, &notice, &e) != 0) {
        gap.why = e.text;
        note_gap(out, &gap);
        return;
    }
    if (others_gaps(others, wall_s, note_gap, out, &e) != 0)
        printer_remark(out, REMARK_WARNING, "%s", e.text);
    others_close(others);
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
    json_t *status = NULL;
    unsigned troubles;
    int64_t at_ms;

    if (!config->cluster.configured)
        return error_set(e, "%s has no group \"cluster\": this relay counts for itself", config->file);
    if (load_status(config, &status, e) < 0)
        return error_prefix(e, "what postern-cluster has written cannot be read");
    at_ms = json_integer_value(json_object_get(json_object_get(status, "own"), "at"));
    show_relays(status, out);
    if (status != NULL)
        show_mirror(status, out);
    troubles = tell_membership(config, out);
    if (status != NULL)
        troubles += tell_troubles(status, wall_s - at_ms / 1000, out);
    else
        troubles += tell_absence(out);
    note_usage(config, wall_s, out);
    json_decref(status);
    return troubles == 0 ? 0 : 1;
}

/* ---- the same as facts ---- */

static void add_name(struct buf *b, const json_t *node, const char *more)
{
    buf_add(b, b->n > 0 ? SLICE(", ") : SLICE(""));
    buf_add_printable(b, slice_of(text_at(node, "name")));
    if (more != NULL) {
        buf_add(b, SLICE(" ("));
        buf_add_printable(b, slice_of(more));
        buf_add_char(b, ')');
    }
}

static void count_others(const json_t *nodes, struct cluster_facts *out)
{
    struct buf silent = BUF_OVER(out->silent_names), differing = BUF_OVER(out->differing_names);

    out->relays = json_array_size(nodes);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        if (number_at(node, "silent_s") > 0) {
            out->silent++;
            add_name(&silent, node, NULL);
        }
        if (text_at(node, "differs")[0] != '\0') {
            out->differing++;
            add_name(&differing, node, text_at(node, "differs"));
        }
    }
}

static void say_why(const json_t *status, int64_t age_s, struct cluster_facts *out)
{
    const char *state = text_at(json_object_get(status, "own"), "state");
    struct buf why = BUF_OVER(out->why);

    out->shares = strcmp(state, "shares") == 0 && age_s <= STATUS_OLD_S;
    if (age_s > STATUS_OLD_S)
        buf_addf(&why, "postern-cluster does not run, or hangs: it was heard %lld s ago", (long long)age_s);
    else if (!out->shares) {
        buf_add_printable(&why, slice_of(state));
        buf_add(&why, text_at(status, "trouble")[0] != '\0' ? SLICE(", ") : SLICE(""));
        buf_add_printable(&why, slice_of(text_at(status, "trouble")));
    }
}

bool cluster_facts(const struct config *config, int64_t wall_s, struct cluster_facts *out)
{
    struct buf policy = BUF_OVER(out->policy);
    const json_t *own;
    json_t *status;
    struct error e;

    if (!config->cluster.configured)
        return false;
    *out = (struct cluster_facts){.shares = false};
    if (load_status(config, &status, &e) != 0) {
        (void)snprintf(out->why, sizeof out->why, "%.280s", e.text);
        return true;
    }
    own = json_object_get(status, "own");
    say_why(status, wall_s - json_integer_value(json_object_get(own, "at")) / 1000, out);
    out->waiting = number_at(own, "waiting");
    out->lost = number_at(own, "lost");
    out->round_trip_us = number_at(own, "round_trip_us");
    out->clock_ms = json_integer_value(json_object_get(own, "clock_ms"));
    out->evicts = json_is_true(json_object_get(status, "evicts"));
    buf_add_printable(&policy, slice_of(text_at(status, "policy")));
    count_others(json_object_get(status, "nodes"), out);
    json_decref(status);
    return true;
}
