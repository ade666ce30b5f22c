/*
 * The operator's text files, line by line: lists of mailboxes, of logins, of networks. One set of rules for all:
 *  - UTF-8, with or without a byte order mark; lines end in LF or CRLF, the last one may end without;
 *  - "#" at the beginning of a line or behind a blank begins a comment; elsewhere it is an ordinary character, as in
 *    the "#EXT#" of a guest's user principal name;
 *  - blanks and tabs around an entry, and empty lines, are ignored;
 *  - a line of more than LINE_MAX_BYTES, or one with a control character or a NUL, even in a comment, is an error: the
 *    file is not such a list.
 */
#ifndef POSTERN_LINES_H
#define POSTERN_LINES_H

#include "core/base/error.h"
#include "core/base/slice.h"

#define LINE_MAX_BYTES 1024
#define LINES_MAX_FILE (64u << 20) /* bytes: about two million mailboxes */

/*
 * The whole file in memory of its own: *text->p is the caller's to free(). Only regular files, never a FIFO or a
 * device that would hang; at most LINES_MAX_FILE bytes. A file that is being written is an error, since half a list
 * is worse than the old one. 0, or -1 with e, which begins with the path.
 */
int lines_load(const char *path, struct slice *text, struct error *e);

struct lines {
    const char *path; /* for errors */
    struct slice rest;
    unsigned number; /* of the line that came last, from 1 */
};

/* text and path must outlive the walk. */
void lines_start(struct lines *lines, struct slice text, const char *path);

/* 1 and *entry for the next line that holds something (lines->number is its number), 0 at the end, -1 with e. */
int lines_next(struct lines *lines, struct slice *entry, struct error *e);

/* Puts "path:number: " of the last line before what e says; returns -1. */
int lines_error(const struct lines *lines, struct error *e);

#endif
