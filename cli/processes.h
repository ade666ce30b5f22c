/* The services that run on this machine, found in /proc: no pid files that can lie. */
#ifndef POSTERN_CLI_PROCESSES_H
#define POSTERN_CLI_PROCESSES_H

#include "core/slice.h"

#include <stdint.h>
#include <sys/types.h>

#define PROCESSES_MAX 64

struct process {
    pid_t pid;
    char name[16]; /* "postern-policyd" */
    uint64_t age_s;
};

/* The programs that serve with this configuration file; those that run with another one are others'. How many. */
size_t processes_find(const char *config_path, struct process out[PROCESSES_MAX]);

#endif
