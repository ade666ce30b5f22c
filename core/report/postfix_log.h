/*
 * Mail that was sent, from Postfix's log: each message is followed from smtpd's line with its login to the last
 * recipient that got it, by machine and queue id. A message counts at the time of its beginning, with the recipients
 * that it was delivered to, and not at all before one was.
 *
 * Lines may come from several machines and instances of Postfix, but in the order of time. What stands in them is from
 * outside: at most POSTFIX_LOG_OPEN_MAX messages are followed at once, and each line has a bound.
 */
#ifndef POSTERN_CORE_REPORT_POSTFIX_LOG_H
#define POSTERN_CORE_REPORT_POSTFIX_LOG_H

#include "core/report/mail_seen.h"
#include "core/report/postfix_log_line.h"

#define POSTFIX_LOG_LINE_MAX 8192u  /* bytes; Postfix's own bound is 2,000 */
#define POSTFIX_LOG_OPEN_MAX 65536u /* messages */

struct postfix_log_tally {
    uint64_t lines;
    uint64_t unread;         /* not understood */
    uint64_t too_long;       /* of these, more than POSTFIX_LOG_LINE_MAX */
    uint64_t unsent;         /* messages of logins that nobody got */
    uint64_t filtered;       /* messages of logins that went through a filter before the queue */
    uint64_t forgotten;      /* messages that were followed no longer, since there were too many */
    int64_t first_s, last_s; /* of all lines that have a time; 0: none has */
};

struct postfix_log;

/* What is sent goes to `seen`, which outlives it. NULL without memory. */
struct postfix_log *postfix_log_new(struct mail_seen *seen);
/* The lines that follow are of a file that was written last at that time, wall clock. */
void postfix_log_file(struct postfix_log *log, int64_t written_s);
void postfix_log_line(struct postfix_log *log, struct slice line);
/* A line that was too long to be read. */
void postfix_log_long_line(struct postfix_log *log);
/* The last line was read: what is still in the queue counts with those that got it. */
void postfix_log_end(struct postfix_log *log);
const struct postfix_log_tally *postfix_log_tally(const struct postfix_log *log);
void postfix_log_free(struct postfix_log *log); /* NULL is fine */

#endif
