/* The state of everything at a glance, for status, top and metrics. */
#ifndef POSTERN_CLI_PICTURE_H
#define POSTERN_CLI_PICTURE_H

#include "cli/cli.h"
#include "cli/processes.h"
#include "cli/ranking.h"
#include "core/blocks.h"
#include "core/counters.h"

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

struct picture {
    int64_t wall_s;
    struct process processes[PROCESSES_MAX];
    size_t n_processes;
    struct picture_listener listeners[PICTURE_LISTENERS_MAX];
    size_t n_listeners;
    bool has_state, has_journal;
    struct counters_stats counters;
    uint64_t blocks;
    struct picture_total totals[PICTURE_TOTALS_MAX];
    size_t n_totals;
    uint64_t dropped; /* decisions that the journal could not keep */
    /* of the last hour; count[0] let through, count[1] refused */
    struct ranking logins, clients, connectors;
};

/* What is not there is left out, after a word on the error output. Free with picture_free. NULL, after a word, without
 * memory. */
struct picture *picture_take(struct cli *cli);
void picture_free(struct picture *p);

#endif
