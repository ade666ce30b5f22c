/*
 * The files of a mail log, read line by line: as they are, rotated and compressed (gzip, bzip2, xz, zstd, known by
 * their first bytes), a FIFO, or "-", the standard input.
 */
#ifndef POSTERN_CLI_LOG_FILE_H
#define POSTERN_CLI_LOG_FILE_H

#include "core/report/postfix_log.h"

/* An export in place of a log: text that begins with one of these. */
#define LOG_FILE_EXPORT_MAX (64u << 20) /* bytes */

struct log_files {
    struct postfix_log *log; /* gets the lines */
    /* Gets a text that begins with "{" or "[", whole: 0, or -1 with e. */
    int (*export)(void *arg, struct slice text, struct error *e);
    void *arg;
    bool any_log; /* one of them was no such text */
};

/* Reads them all, those that have times in the order of these, whatever order they are named in. 0, or -1 with e. */
int log_files_read(struct log_files *f, char *const *paths, size_t n, struct error *e);

#endif
