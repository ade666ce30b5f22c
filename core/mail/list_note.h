/*
 * What an operator entered into the lists that all relays of a cluster share, as text: the request that "postern allow
 * --cluster" leaves, what relays tell each other, and the file in which each keeps it.
 *
 *     letter TAB version TAB entry TAB comment
 */
#ifndef POSTERN_LIST_NOTE_H
#define POSTERN_LIST_NOTE_H

#include "core/base/buf.h"
#include "core/base/error.h"

#include <stdint.h>

#define LIST_COMMENT_MAX 600u
#define LIST_NOTE_MAX 980u /* bytes of the text */

enum list_state { LIST_ALLOWED = 'A', LIST_DENIED = 'D', LIST_FORGOTTEN = 'F' };

struct list_note {
    enum list_state state;
    uint64_t version;     /* the higher one holds; 0: of a request, which has none yet */
    struct slice entry;   /* canonical, as list_has wants it */
    struct slice comment; /* who, when and why: printable ASCII */
};

/* b is full when it is too long. */
void list_note_add(struct buf *b, const struct list_note *note);

/*
 * Reads a note, of whomever: it is an entry and a comment that a list file with them in a line gives back as they are.
 * The slices point into text. 0, or -1 with e.
 */
int list_note_read(struct slice text, struct list_note *out, struct error *e);

/* Appends the line of a list file. */
void list_note_add_line(struct buf *b, const struct list_note *note);

#endif
