/*
 * Which decisions all relays of a cluster are asked for: options of "postern log", one a line, as that command takes
 * them. Whoever asks, nothing but these options becomes an argument.
 */
#ifndef POSTERN_CORE_REPORT_LOG_QUESTION_H
#define POSTERN_CORE_REPORT_LOG_QUESTION_H

#include "core/base/buf.h"

#define LOG_QUESTION_MAX 1024u
#define LOG_QUESTION_OPTIONS 12u
/* That the command asks each relay for, the newest. */
#define LOG_QUESTION_DECISIONS 200u

/* Appends "--NAME=VALUE" and the end of the line. False: it is none of the options, or the value is no line. */
bool log_question_add(struct buf *b, const char *name, const char *value);

/*
 * Cuts text, which is terminated and changed by it, into its options. Their number; -1: it is no such question.
 */
int log_question_options(char *text, const char *options[LOG_QUESTION_OPTIONS]);

#endif
