/*
 * A text file from outside, in the encodings that Windows uses: UTF-8 with or without a byte order mark, or UTF-16 of
 * either byte order (Windows PowerShell 5's ">" and "-Encoding Unicode"). Decodes it to valid UTF-8 without NUL, piece
 * by piece, so files may have any size.
 */
#ifndef POSTERN_MIRROR_INPUT_H
#define POSTERN_MIRROR_INPUT_H

#include "core/base/error.h"
#include "core/base/slice.h"

struct input {
    const char *at, *end; /* decoded text not yet consumed; the reader advances `at` */
    const char *path;     /* for errors, escaped; lives as long as the input */
    struct input_source *source;
};

/* 0, or -1 with e. Free with input_close. path is copied. */
int input_open(const char *path, struct input *in, struct error *e);

/* The same for bytes in memory, which must outlive the input; name stands for the path. */
int input_memory(struct slice bytes, const char *name, struct input *in, struct error *e);

void input_close(struct input *in);

/*
 * Makes sure that there is text between `at` and `end`. 1: there is; 0: end of file; -1: it can't be read, is not text,
 * or ends inside a character; e names file, line and byte.
 */
int input_more(struct input *in, struct error *e);

/* Bytes decoded so far, and the file's size (0 when it is no regular file): for progress. */
unsigned long long input_done(const struct input *in);
unsigned long long input_size(const struct input *in);

#endif
