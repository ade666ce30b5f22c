/*
 * Errors are values: a sentence that names the thing, what was found, what was expected and what to do. Only main
 * decides to end the program.
 */
#ifndef POSTERN_ERROR_H
#define POSTERN_ERROR_H

#include <stddef.h>

struct error {
    char text[768];
};

/*
 * Fills e (which may be NULL) and returns -1, so that a function can end with "return error_set(...)". The format is
 * a literal of ours; text from outside goes through buf_add_escaped first.
 */
int error_set(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prefixes e with "prefix: "; returns -1. */
int error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
