/* As core/quote.h, but blanks stay as they are: for names and sentences that people read between quotes. */
#ifndef POSTERN_MIRROR_WORDS_H
#define POSTERN_MIRROR_WORDS_H

#include "core/quote.h"

/* For printf("... \"%s\" ...", words(s).text): the text lives to the end of that expression. */
static inline struct quote words(struct slice s)
{
    struct quote q = {.text = ""};
    struct buf b = BUF_OVER(q.text);
    struct slice rest = {s.p, s.n < QUOTE_MAX_BYTES ? s.n : QUOTE_MAX_BYTES};
    struct slice word;
    bool more = rest.n > 0;

    while (more) {
        more = slice_cut(rest, ' ', &word, &rest);
        buf_add_escaped(&b, word, QUOTE_MAX_BYTES);
        if (more)
            buf_add_char(&b, ' ');
    }
    if (s.n > QUOTE_MAX_BYTES)
        buf_add(&b, SLICE("..."));
    return q;
}

#endif
