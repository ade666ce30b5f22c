/*
 * What every program does when it begins: the same few options, the same preparations.
 *
 *   -c FILE   configuration, PROGRAM_CONFIG_DEFAULT unless given
 *   -t        read the configuration, say that it is OK or what is wrong with it, end: 0, or 1 when it is wrong
 *   -V        version
 *   -h        help
 *
 * No program puts itself into the background: that is the service manager's job.
 */
#ifndef POSTERN_PROGRAM_H
#define POSTERN_PROGRAM_H

#define PROGRAM_CONFIG_DEFAULT "/etc/postern/postern.conf"

struct program_options {
    const char *config_path;
};

/* Exit statuses: wrong configuration or no start; wrong options. */
#define PROGRAM_EXIT_FAILED 1
#define PROGRAM_EXIT_USAGE 2
/* program_begin: there is nothing to end for, go on. */
#define PROGRAM_GO_ON (-1)

/*
 * Reads the options and does what -t, -V and -h ask. Returns PROGRAM_GO_ON, or the status to exit with. name is the
 * program's ("postern-policyd"), purpose a line about it for -h.
 */
int program_begin(int argc, char **argv, const char *name, const char *purpose, struct program_options *options);

/*
 * For programs that serve: SIGPIPE is ignored (a peer that went away is an error of write, not our end), and the soft
 * limit of descriptors is raised to the hard one, since Postfix keeps a connection for each of its smtpd processes.
 */
void program_prepare_service(void);

/*
 * For programs that hold a secret, before they read it: no core dump, and nothing from the environment by which
 * OpenSSL, libcurl or libc would write down keys, trust others or load code.
 */
void program_guard_secrets(void);

#endif
