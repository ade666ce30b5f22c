/*
 * A run's warnings about its input: what was not understood, cut or left out. For each kind of warning, column and file
 * the first is kept and the others are only counted, so that a million rows give one line.
 */
#ifndef POSTERN_MIRROR_REMARKS_H
#define POSTERN_MIRROR_REMARKS_H

#include "core/base/slice.h"

#include <stdint.h>
#include <stdio.h>

#define REMARKS_MAX 64      /* different ones; further ones are only counted */
#define REMARK_TEXT_MAX 640 /* a longer one is cut */

struct remark {
    uint64_t topic;
    uint64_t more; /* number of others like it */
    char text[REMARK_TEXT_MAX];
};

/* All zero means empty. */
struct remarks {
    size_t n;
    uint64_t lost;
    struct remark list[REMARKS_MAX];
};

/* A topic: kind of warning, file and column. */
enum remark_about {
    REMARK_ODD_COLUMN,
    REMARK_LIST_CUT,
    REMARK_NOTHING_OWN,
    REMARK_DEFAULT_SIZE,
    REMARK_NOT_A_MAILBOX,
    REMARK_NULL_ELEMENT,
    REMARK_NO_NAME,
    REMARK_NO_LINE_END,
    REMARK_OLD_EXPORT,
};
static inline uint64_t remark_topic(enum remark_about about, unsigned file, unsigned column)
{
    return (uint64_t)about << 48 | (uint64_t)(file & 0xffffffu) << 16 | (column & 0xffffu);
}

/* Keeps the sentence, or counts it if the topic has one already. The caller escapes what came from outside. */
void remarks_add(struct remarks *r, uint64_t topic, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Prints a line "warning: ..." for each. */
void remarks_print(const struct remarks *r, FILE *out);

#endif
