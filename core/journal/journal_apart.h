/*
 * A reader of the journal that keeps LMDB out of its own process. LMDB trusts its pages: one that is damaged, or was
 * written by somebody who means harm, can end the program that reads it. So another process reads, with no more rights
 * than the journal's owner has, and hands over what it finds, which is checked here. When it dies, the journal is said
 * to be damaged, and the reader goes on.
 */
#ifndef POSTERN_JOURNAL_APART_H
#define POSTERN_JOURNAL_APART_H

#include "core/journal/journal.h"

/* As journal_open for a reader. For programs with one thread: it forks. Close with journal_close. */
int journal_open_apart(const char *folder, struct journal **out, struct error *e);

#endif
