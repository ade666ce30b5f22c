/* A pager for what is long. */
#ifndef POSTERN_CLI_PAGER_H
#define POSTERN_CLI_PAGER_H

#include <sys/types.h>

/*
 * Puts $PAGER (one word), or less, between the standard output and the terminal. If none can be run, the output goes to
 * the terminal directly. Returns the pager, for pager_end; 0: none.
 */
pid_t pager_begin(void);
/* Ends the output, and waits until the pager was left. */
void pager_end(pid_t pager);

#endif
