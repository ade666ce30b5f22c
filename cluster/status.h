/* "postern-cluster status": this relay and the others, as "postern status --cluster" shows them. */
#ifndef POSTERN_CLUSTER_STATUS_H
#define POSTERN_CLUSTER_STATUS_H

/* Something needs a look: no connection, a relay that is silent or differs, no key, or it does not run. */
#define STATUS_EXIT_TROUBLE 3

/* The command with its options; argv[0] is the command's name. Returns the status to exit with. */
int status_command(int argc, char **argv);

#endif
