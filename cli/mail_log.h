/* The lines that Postfix, Dovecot and postern add to the mail log meanwhile. */
#ifndef POSTERN_CLI_MAIL_LOG_H
#define POSTERN_CLI_MAIL_LOG_H

#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define MAIL_LOG_READ_MAX (1u << 20) /* bytes that were added, the first ones */
#define MAIL_LOG_LINES_MAX 20u
#define MAIL_LOG_WORDS_MAX 6u

struct mail_log {
    int fd; /* -1: there is no file that this user may read */
    char path[256];
    int64_t end;                            /* bytes that it had when it was opened */
    char *text;                             /* malloc'ed: what was read */
    struct slice lines[MAIL_LOG_LINES_MAX]; /* into text */
    size_t n;
};

/* Notes the end of the file: the one named (maillog_file of Postfix), or where syslog usually writes. */
void mail_log_begin(struct mail_log *log, struct slice named);
/* Reads what was added, and keeps the lines that hold one of the words (empty ones count for nothing). True when there
 * is any. May be called again. */
bool mail_log_find(struct mail_log *log, const struct slice *words, size_t n);
void mail_log_end(struct mail_log *log);

#endif
