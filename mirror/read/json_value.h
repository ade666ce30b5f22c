/*
 * Walks over the members of one JSON object (RFC 8259) in memory, value by value, without building a tree: for a
 * million rows of which a few members matter. As strict as jansson: no bare control characters, no NUL, only whole
 * surrogate pairs, numbers in their one form. The text is UTF-8 that mirror/read/input.h has checked.
 */
#ifndef POSTERN_MIRROR_JSON_VALUE_H
#define POSTERN_MIRROR_JSON_VALUE_H

#include "core/base/slice.h"

struct json_cursor {
    const char *start, *at, *end;
    const char *bad; /* NULL, or what is wrong at `at`; then nothing more is read */
};

enum json_kind {
    VALUE_NULL,
    VALUE_TRUE,
    VALUE_FALSE,
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_OBJECT
};

/* Levels of arrays and objects inside a value. */
#define VALUE_DEPTH_MAX 64

struct json_cursor json_cursor_over(struct slice text);

/* Kind of the value that comes next (behind white space). */
enum json_kind json_peek(struct json_cursor *c);

/* Steps over the next value, whatever it is, checking it. */
void json_skip(struct json_cursor *c);

/*
 * Takes a string. The slice points into the text when it has no escapes, else it is decoded to *room, which moves on;
 * there must be room for as many bytes as the text has.
 */
struct slice json_take_string(struct json_cursor *c, char **room);

/* Takes a bare value: its text. For VALUE_INTEGER, VALUE_REAL, VALUE_NULL, VALUE_TRUE, VALUE_FALSE. */
struct slice json_take_bare(struct json_cursor *c);

/* Steps into an array or object. Then: */
void json_enter(struct json_cursor *c);
/* *first is true before the first call. True: an element comes next; false: the array is over and stepped over. */
bool json_next_element(struct json_cursor *c, bool *first);
/* The same for an object: true with the member's name, and its value comes next. */
bool json_next_member(struct json_cursor *c, bool *first, struct slice *name, char **room);

/* Nothing but white space may be left. */
void json_end(struct json_cursor *c);

/* Bytes from p on that can stand in a string as they are: up to ", \ or a control character, or end. */
size_t json_plain_run(const char *p, const char *end);

#endif
