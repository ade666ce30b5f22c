/* The terminal that is printed to, if it is one: how wide it is, whether it shows colours, and a pager for what is
 * long. */
#ifndef POSTERN_CLI_TERMINAL_H
#define POSTERN_CLI_TERMINAL_H

#include "core/print/paint.h"

#include <sys/types.h>

/* What the descriptor leads to. Colours are off where NO_COLOR is set (no-color.org) or TERM is "dumb". */
struct terminal terminal_of(int fd);

/*
 * Puts $PAGER (one word), or less, between the standard output and the terminal. If none can be run, the output goes to
 * the terminal directly. Returns the pager, for pager_end; 0: none.
 */
pid_t pager_begin(void);
/* Ends the output, and waits until the pager was left. */
void pager_end(pid_t pager);

#endif
