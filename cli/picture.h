/* The state of everything at a glance, for status, top and metrics. */
#ifndef POSTERN_CLI_PICTURE_H
#define POSTERN_CLI_PICTURE_H

#include "cli/cli.h"
#include "cli/processes.h"
#include "core/report/notices.h"
#include "core/report/ranking.h"
#include "core/state/blocks.h"
#include "core/state/counters.h"

/* Exit status of its own: something needs a look. */
#define STATUS_TROUBLE 3

#define PICTURE_TOTALS_MAX 1024
#define PICTURE_LISTENERS_MAX 64
#define PICTURE_WINDOW_S 3600 /* what "lately" is */

struct picture_total {
    char program[16];
    enum action action;
    enum reason reason;
    uint64_t count;
};

struct picture_listener {
    const char *program, *address;
    const char *state; /* "answers", "does not answer", "not looked at" */
    bool up;
};

/* A program that the configuration has work for. */
enum picture_service_state { SERVICE_UP, SERVICE_DOWN, SERVICE_HIDDEN };
struct picture_service {
    const char *program;
    enum picture_service_state state;
};
#define PICTURE_SERVICES_MAX 4

struct picture {
    int64_t wall_s;
    char config_problem[sizeof((struct error *)NULL)->text]; /* empty: the configuration is valid */
    struct process processes[PROCESSES_MAX];
    size_t n_processes;
    struct picture_service services[PICTURE_SERVICES_MAX];
    size_t n_services;
    enum picture_part directory, state;
    struct state_service using[STATE_SERVICES_MAX]; /* where the state was read */
    size_t n_using;
    struct notices notices;
    struct picture_listener listeners[PICTURE_LISTENERS_MAX];
    size_t n_listeners;
    bool has_journal;
    struct counters_stats counters;
    uint64_t blocks;
    struct picture_total totals[PICTURE_TOTALS_MAX];
    size_t n_totals;
    uint64_t dropped; /* decisions that the journal could not keep */
    /* of the last hour; count[0] let through, count[1] refused */
    struct ranking logins, clients, connectors;
};

/*
 * What can't be read is left out, after a word on the error output. With a configuration that is wrong, it is about the
 * files that its readable part names (config_load_places). Free with picture_free. NULL, after a word, without memory,
 * or when the configuration can't be read at all.
 */
struct picture *picture_take(struct cli *cli);
/* The generation that the process with that number uses: true, and *generation. */
bool picture_generation_of(const struct picture *p, long pid, uint64_t *generation);
/* Does every part look well? CLI_OK, or the exit status that says what doesn't. */
int picture_judge(const struct cli *cli, const struct picture *p);
void picture_free(struct picture *p);

#endif
