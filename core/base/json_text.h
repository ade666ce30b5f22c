/*
 * Foreign text inside of JSON's quotes, as printable ASCII (RFC 8259 7): quote and backslash get a backslash, controls
 * and all beyond ASCII become \uNNNN, and a byte that is no UTF-8 becomes U+FFFD. What is written here is for programs;
 * where a person looks at it, nothing in it moves a terminal.
 */
#ifndef POSTERN_JSON_TEXT_H
#define POSTERN_JSON_TEXT_H

#include "core/base/buf.h"

#define JSON_CHARACTER_MAX 12 /* two halves of a surrogate pair */

/* Writes the first character of text, which is not empty, to out. Returns the bytes written; *taken those of the text.
 */
size_t json_character(struct slice text, char out[JSON_CHARACTER_MAX], size_t *taken);

/* Appends text, without quotes. Where it does not fit it ends with a whole character, and the buf is full. */
void json_add(struct buf *b, struct slice text);
/* The same in its quotes. */
void json_add_string(struct buf *b, struct slice text);

#endif
