/* A look at an LMDB file before LMDB maps it: LMDB believes what its first two pages say. */
#ifndef POSTERN_JOURNAL_HEADER_H
#define POSTERN_JOURNAL_HEADER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * NULL when the file can be opened; else what is wrong with it, as the end of a sentence. *empty: it is not even as
 * long as two pages, and holds nothing. *lacks: bytes that it should have and doesn't, from its end on; zero bytes
 * there are harmless where nothing was written yet (LMDB leaves out pages that a transaction took and freed again), and
 * LMDB finds them damaged where something was.
 */
const char *journal_header_check(int fd, bool *empty, uint64_t *lacks);

#endif
