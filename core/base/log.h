/*
 * The log. A line is formatted by the caller into a bounded buffer and put into a ring; one thread of the log's own
 * writes it out, so that a blocked log socket or terminal never holds up mail: lines that find the ring full are
 * dropped and counted, and the count is logged later.
 *
 * To stderr, a line of JSON is one object that begins with time, program, pid and level; any other line begins with
 * time and name, unless systemd's journal adds them.
 */
#ifndef POSTERN_LOG_H
#define POSTERN_LOG_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdint.h>

enum log_to { LOG_TO_SYSLOG, LOG_TO_STDERR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_config {
    enum log_to to;
    enum log_format format;
    int facility; /* LOG_MAIL ... of <syslog.h>, for LOG_TO_SYSLOG */
};

struct log;

#define LOG_LINE_MAX 2048

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_NOTICE, LEVEL_INFO };

/* Starts the log's thread. program ("postern-policyd") is copied. NULL without memory or thread. */
struct log *log_open(const char *program, const struct log_config *config);
/* Switches to another configuration, after a reload. */
void log_configure(struct log *log, const struct log_config *config);
/* Writes out what the ring holds (for at most a second), and ends the thread. NULL is fine. */
void log_close(struct log *log);

/* One finished line without its end. Never blocks. */
void log_line(struct log *log, enum log_level level, struct slice line);
/* A sentence, as one line of text, or in JSON as the field "message". Events go through core/base/event.h and log_line.
 * The format is a literal of ours. */
void log_say(struct log *log, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

enum log_format log_format_of(const struct log *log);
/* Lines dropped since start. */
uint64_t log_dropped(const struct log *log);

#endif
