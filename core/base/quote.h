/* Foreign text in an error's sentence: shortened and escaped, for use in a log or on a terminal. */
#ifndef POSTERN_QUOTE_H
#define POSTERN_QUOTE_H

#include "core/base/buf.h"

#define QUOTE_MAX_BYTES 160 /* of the quoted text; an error has room for three beside its own words */

struct quote {
    char text[QUOTE_MAX_BYTES + 32]; /* terminated; text with many escapes is cut earlier */
};

/* For error_set(e, "... \"%s\" ...", quote(s).text): the text lives until the end of that full expression. */
static inline struct quote quote(struct slice s)
{
    struct quote q = {.text = ""};
    struct buf b = BUF_OVER(q.text);

    buf_add_escaped(&b, s, QUOTE_MAX_BYTES);
    return q;
}

#endif
