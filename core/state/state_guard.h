/*
 * Mapped files kill by SIGBUS when a page cannot be had: the file was truncated behind us, or the disk failed. The
 * guard answers such a fault, if it lies in a watched mapping, by putting memory in the page's place, so that the
 * program goes on; everything else keeps its default action.
 *
 * A signal handler has no arguments, so the table of watched mappings is the one thing here that is global.
 */
#ifndef POSTERN_STATE_GUARD_H
#define POSTERN_STATE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* A place in the table, or -1 when it is full: then the mapping is not watched. base is page-aligned. */
int guard_watch(void *base, size_t bytes, int fd);
void guard_forget(int place);

/* Whether a page of the mapping was replaced. */
bool guard_tripped(int place);

/* Puts memory in the place of all pages that the file, as it is now, does not reach. */
void guard_replace_tail(int place);

#endif
