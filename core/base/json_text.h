/*
 * Foreign text in a JSON string, as printable ASCII (RFC 8259 7): quote and backslash get a backslash, control
 * characters and everything beyond ASCII become \uNNNN, and a byte that is not UTF-8 becomes U+FFFD. So it is safe on a
 * terminal, too.
 */
#ifndef POSTERN_JSON_TEXT_H
#define POSTERN_JSON_TEXT_H

#include "core/base/buf.h"

/* Appends text, without quotes. If it does not fit, it is cut after a whole character, and the buf is full. */
void json_add(struct buf *b, struct slice text);
/* The same in its quotes. */
void json_add_string(struct buf *b, struct slice text);

#endif
