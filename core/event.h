/*
 * One event as one log line: key=value fields in the order in which they are added, or the same as a JSON object. Empty
 * fields are left out. What came from outside is escaped to \xHH, so that a line is always printable ASCII, cannot be
 * broken by a newline, and can be read back.
 */
#ifndef POSTERN_EVENT_H
#define POSTERN_EVENT_H

#include "core/buf.h"
#include "core/config.h"

#define EVENT_VALUE_MAX 256 /* bytes of one foreign value that are shown */

struct event {
    struct buf out;
    enum log_format format;
};

/* Begins an event of that name in memory of the caller, which must outlive it. */
struct event event_begin(char *mem, size_t cap, enum log_format format, const char *name);
/* A value from outside. */
void event_text(struct event *e, const char *key, struct slice value);
/* A value of ours: a printable word without blanks, or NULL for none. */
void event_word(struct event *e, const char *key, const char *value);
/* A sentence of ours: printable ASCII without quotes or backslashes; quoted. NULL for none. */
void event_sentence(struct event *e, const char *key, const char *value);
void event_number(struct event *e, const char *key, unsigned long long value);
/* The finished line, in the memory that was given. */
struct slice event_end(struct event *e);

#endif
