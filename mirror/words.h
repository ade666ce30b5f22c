/*
 * Untrusted text in a message for people: letters of any script and blanks stay; control characters, changes of writing
 * direction and invalid UTF-8 are shown as \xNN. For log lines there is core/base/quote.h, which keeps to ASCII.
 */
#ifndef POSTERN_MIRROR_WORDS_H
#define POSTERN_MIRROR_WORDS_H

#include "core/base/quote.h"

/*
 * Use as printf("... \"%s\" ...", words(s).text); the text lives to the end of that expression. At most QUOTE_MAX_BYTES
 * of s are shown.
 */
struct quote words(struct slice s);

#endif
