/*
 * Builds text in memory that the caller owns. What does not fit is cut, and `full` is set.
 * The text is always terminated, so that it can be handed to libc.
 */
#ifndef POSTERN_BUF_H
#define POSTERN_BUF_H

#include "core/base/slice.h"

#include <stdarg.h>

struct buf {
    char *p;
    size_t cap; /* bytes at p, terminator included; at least 1 */
    size_t n;   /* bytes used, terminator not included */
    bool full;  /* something did not fit: the text is cut */
};

/* Makes an empty buf over mem, which must outlive it. cap is at least 1. */
struct buf buf_over(char *mem, size_t cap);
#define BUF_OVER(array) buf_over((array), sizeof(array))

void buf_add(struct buf *b, struct slice s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, unsigned long long v);

/* The format is always ours, never from outside. */
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Appends s, which came from outside, for use in a log line, a reply or on a terminal: bytes outside 0x21..0x7e and the
 * characters \ " = become \xHH. At most max_bytes of s are used; a cut is marked "...".
 */
void buf_add_escaped(struct buf *b, struct slice s, size_t max_bytes);

/*
 * The same for a sentence, which may contain escaped text: all printable ASCII stays as it is, blanks, quotes and
 * backslashes too. If it does not fit, it is never cut inside a \xHH.
 */
void buf_add_printable(struct buf *b, struct slice s);

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->p, b->n};
}

#endif
