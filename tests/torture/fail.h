/*
 * Allocation and I/O that fail on demand: the linker sends each call of ours to one of these functions here (--wrap,
 * see the Makefile), which counts it and lets the chosen one fail as the real one would. Calls inside of libraries are
 * not ours and don't fail; LMDB's functions do themselves, and SQLite's calls are replaced.
 */
#ifndef POSTERN_TESTS_TORTURE_FAIL_H
#define POSTERN_TESTS_TORTURE_FAIL_H

#include <stdbool.h>

/* Before all else: from then on SQLite's memory and system calls are counted, too. */
void fail_prepare(void);

enum fail_how {
    FAIL_ONCE, /* the n-th call only: what depends on it has to be undone */
    FAIL_ON    /* the n-th and all that follow: what undoes it must not need them */
};

/* From now on the call number n (from 0) fails. */
void fail_begin(unsigned long n, enum fail_how how);
/* From now on none fails. True when one did. */
bool fail_end(void);
/* The last call that failed: "openat". */
const char *fail_what(void);

#endif
