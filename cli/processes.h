/*
 * The services that run on this machine. A process's name proves nothing, since any user can choose it. So a service is
 * the main process of its unit, if systemd knows one, or else a process
 *
 *   - whose executable (/proc/PID/exe) is the program, and root's or the caller's own file,
 *   - that runs as root, as the caller, or as a user of postern's: the owner of the state, or the one of that name,
 *   - and that serves with this configuration file.
 *
 * There are no pid files: the services' user could forge them.
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
 * The programs that serve with this configuration file; those with another one are ignored. Returns how many. A
 * caller who is not root cannot see every executable: for those the other conditions decide.
 */
size_t processes_find(const char *config_path, const char *state_path, struct process out[PROCESSES_MAX]);

/* May the caller see the processes of others at all (proc(5), hidepid)? Otherwise finding none means nothing. */
bool processes_visible(void);

/* Sends it the signal, if it is still the same process. 0; -1 with errno (ESRCH: it is not). */
int process_signal(const struct process *process, const char *config_path, const char *state_path, int signal);

/* The main process of that unit in systemctl's output (see cli/processes.c); 0: none. Public for tests. */
pid_t processes_main_of(struct slice answer, const char *unit);

#endif
