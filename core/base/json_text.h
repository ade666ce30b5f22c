/*
 * Foreign text inside of JSON's quotes, as printable ASCII (RFC 8259 7): quote and backslash get a backslash, controls
 * and all beyond ASCII become \uNNNN, and a byte that is no UTF-8 becomes U+FFFD.
 */
#ifndef POSTERN_JSON_TEXT_H
#define POSTERN_JSON_TEXT_H

#include "core/base/slice.h"

#define JSON_CHARACTER_MAX 12 /* two halves of a surrogate pair */

/* Writes the first character of text, which is not empty, to out. Returns the bytes written; *taken those of the text.
 */
size_t json_character(struct slice text, char out[JSON_CHARACTER_MAX], size_t *taken);

#endif
