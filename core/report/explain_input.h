/*
 * What "postern explain" is asked about: a submission, described by texts from the command line, a log line, or a
 * policy request.
 */
#ifndef POSTERN_CORE_REPORT_EXPLAIN_INPUT_H
#define POSTERN_CORE_REPORT_EXPLAIN_INPUT_H

#include "core/base/error.h"
#include "core/base/slice.h"
#include "core/decide/submission.h"

#include <stdio.h>

#define QUESTION_RECIPIENTS_MAX 1000
#define QUESTION_INPUT_MAX 65536 /* bytes of a log line or a policy request */

/* Texts as they came; empty: not said. They live in argv, or in `input`. */
struct question {
    struct slice user, client, method, tls, sender, from, size, recipients, stage, queue_id, instance;
    /* of a log line: the header Sender, and what was wrong with the header */
    struct slice header_sender, fault_field, fault, fault_text;
    char fault_words[80]; /* fault, terminated */
    struct slice recipient[QUESTION_RECIPIENTS_MAX];
    size_t n_recipients;
    bool has_sender, log_line;
    bool paths; /* sender and recipients as a person writes them, with quotes; else in internal form */
    char input[QUESTION_INPUT_MAX]; /* what was read, in pieces */
};

/* Reads one "event=decision ..." line, as text or as JSON, with or without a syslog header. 0, or -1 with e. */
int question_read_log_line(struct question *q, FILE *from, struct error *e);
/* Reads one policy request: lines name=value up to an empty one or the end. 0, or -1 with e. */
int question_read_policy(struct question *q, FILE *from, struct error *e);

/* As a person says the version ("none", "1.2") or as the log does ("TLSv1.2"). False: there is no such version. */
bool question_tls(struct question *q, const char *text);
/* Defaults for what a person left out: TLS, a password, the user's own address as sender. */
void question_fill_in(struct question *q);

/* What was asked, ready for decide(): all but stage and recipient. headers must be empty. 0, or -1 with e. */
int question_submission(const struct question *q, struct submission *s, struct headers *headers, struct error *e);
void question_recipient(const struct question *q, size_t i, struct submission *s);
/* The stage that was named; *all when none was: the whole message. 0, or -1 with e. */
int question_stage(const struct question *q, enum stage *stage, bool *all, struct error *e);

#endif
