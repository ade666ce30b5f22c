/*
 * The services that run on this machine. A name says nothing: any user can give it to a process. So a service is the
 * main process of its unit, where systemd knows one, and else a process
 *
 *   - whose executable (/proc/PID/exe) is the program, and root's or the caller's own file,
 *   - that runs as root, as the caller, or as a user of postern's: the owner of the state, or the one of that name,
 *   - and that serves with this configuration file.
 *
 * There are no pid files: the services' user would write them, and they can lie.
 */
#ifndef POSTERN_CLI_PROCESSES_H
#define POSTERN_CLI_PROCESSES_H

#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESSES_MAX 64

struct process {
    pid_t pid;
    bool of_unit;  /* the main process of the program's unit */
    char name[16]; /* "postern-policyd" */
    uint64_t age_s;
};

/*
 * The programs that serve with this configuration file; those that run with another one are others'. How many. A caller
 * who is not root cannot see every executable: those that it can't are taken for what the rest says.
 */
size_t processes_find(const char *config_path, const char *state_path, struct process out[PROCESSES_MAX]);

/* May the caller see the processes of others at all (proc(5), hidepid)? Else none that was found says nothing. */
bool processes_visible(void);

/* Sends it the signal, if it is still what it was when it was found. 0; -1 with errno (ESRCH: it is not). */
int process_signal(const struct process *process, const char *config_path, const char *state_path, int signal);

/* For the processes of systemctl's answer (see cli/processes.c): the main process of that unit; 0: none. For tests. */
pid_t processes_main_of(struct slice answer, const char *unit);

#endif
