/*
 * Foreign text in a sentence for people: as it is, letters of any alphabet and blanks among it, but for what could harm
 * a terminal or a reader: control characters, what turns the direction of writing, and bytes that are no UTF-8 stand
 * there as \xNN. For log lines there is core/base/quote.h, which keeps to ASCII.
 */
#ifndef POSTERN_MIRROR_WORDS_H
#define POSTERN_MIRROR_WORDS_H

#include "core/base/quote.h"

/* For printf("... \"%s\" ...", words(s).text): the text lives to the end of that expression. At most QUOTE_MAX_BYTES of
 * s are shown. */
struct quote words(struct slice s);

#endif
