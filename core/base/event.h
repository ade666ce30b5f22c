/*
 * One event as one log line: key=value fields in the order in which they are added, or the same as a JSON object. Empty
 * fields are left out. A line is always printable ASCII, cannot be broken by a newline, and can be parsed again: text
 * from outside is escaped as \xHH, and quoted if it contains an equals sign; in JSON it is escaped by RFC 8259, and
 * only bytes that are not UTF-8 are lost (core/base/json_text.h).
 *
 * A field that does not fit is left out as a whole, with all that follow: half a field could be taken for another
 * value.
 */
#ifndef POSTERN_EVENT_H
#define POSTERN_EVENT_H

#include "core/base/buf.h"
#include "core/base/log.h"

#define EVENT_VALUE_MAX 256 /* bytes of one foreign value that are shown */

struct event {
    struct buf text; /* full once something did not fit; only event_end terminates it */
    enum log_format format;
};

/* Begins an event of that name in memory of the caller (at least 2 bytes), which must outlive it. */
struct event event_begin(char *mem, size_t cap, enum log_format format, const char *name);
/* The finished line, terminated, in the memory that was given. */
struct slice event_end(struct event *e);

/* For the inline functions below, which let the compiler know the key's length. A value is never empty. */
void event_add_text(struct event *e, struct slice key, struct slice value);
void event_add_ours(struct event *e, struct slice key, struct slice value, bool quoted);
void event_add_number(struct event *e, struct slice key, unsigned long long value);

/* A value from outside. */
static inline void event_text(struct event *e, const char *key, struct slice value)
{
    if (value.n > 0)
        event_add_text(e, slice_of(key), value);
}

/* A value of ours, unescaped: a printable word without blanks. Empty: no field. */
static inline void event_ours(struct event *e, const char *key, struct slice value)
{
    if (value.n > 0)
        event_add_ours(e, slice_of(key), value, e->format == LOG_JSON);
}

/* The same from a terminated string; NULL: no field. */
static inline void event_word(struct event *e, const char *key, const char *value)
{
    if (value != NULL)
        event_ours(e, key, slice_of(value));
}

/* A sentence of ours: printable ASCII without quotes or backslashes; it is quoted. NULL: no field. */
static inline void event_sentence(struct event *e, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0')
        event_add_ours(e, slice_of(key), slice_of(value), true);
}

static inline void event_number(struct event *e, const char *key, unsigned long long value)
{
    event_add_number(e, slice_of(key), value);
}

#endif
