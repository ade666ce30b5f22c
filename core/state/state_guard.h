/*
 * A mapped file raises SIGBUS when a page cannot be read: the file was truncated behind us, or the disk failed. If the
 * fault is in a watched mapping, the guard maps anonymous memory there, so that the program goes on; any other fault
 * keeps its default action.
 *
 * A signal handler has no arguments, so the table of watched mappings is the one thing here that is global.
 */
#ifndef POSTERN_STATE_GUARD_H
#define POSTERN_STATE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* Returns a place in the table, or -1 when it is full: then the mapping is not watched. base is page-aligned. */
int guard_watch(void *base, size_t bytes, int fd);
void guard_forget(int place);

/* Whether a page of the mapping was replaced. */
bool guard_tripped(int place);

/* Maps anonymous memory over all pages beyond the present end of the file. */
void guard_replace_tail(int place);

#endif
