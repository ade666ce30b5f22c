/*
 * The log of acts: one JSON object a line, only ever appended. It is also how each act is done once or not at all: a
 * line that says "begun" is on the disk before anything is done, and one that says how it ended is there before the
 * request is removed.
 */
#ifndef POSTERN_ACCESS_ACT_LOG_H
#define POSTERN_ACCESS_ACT_LOG_H

#include "core/access/act.h"

#include <jansson.h>

enum act_state { ACT_BEGUN, ACT_DONE, ACT_FAILED, ACT_REFUSED, ACT_UNKNOWN };
const char *act_state_word(enum act_state state);

/* What is written beside the act itself; texts of printable ASCII, or empty. */
struct act_outcome {
    enum act_state state;
    int64_t at_s;
    bool again; /* it had been begun before */
    char tenant[64], before[160], after[160], said[400];
};

/* ---- writing ---- */

/*
 * A log of so many bytes is turned over: PATH becomes PATH.1, that PATH.2, and so on; the last one is gone. It is more
 * than two hours' worth of ACTS_AN_HOUR_MAX, where a line has some 6 KiB at most.
 */
#define ACT_LOG_MAX (32u << 20)
#define ACT_LOGS_KEPT 9

/*
 * For one process at a time: waits until no other one has it, by a lock on PATH.lock, which a child has, too. So it
 * holds whoever renames the log. A descriptor to be closed at the end; -1 with e.
 */
int act_log_lock(const char *path, struct error *e);
/* Opens it for act_log_add, makes it (0640) if need be, and turns it over if it is long. A descriptor, or -1 with e. */
int act_log_open(const char *path, struct error *e);
/* Appends a line, which is on the disk then. 0; -1 with e, and readers see nothing of it. */
int act_log_add(int fd, const struct act *act, const struct act_outcome *outcome, struct error *e);

/* ---- reading ---- */

struct act_log {
    char *text;
    size_t n;
};

/*
 * The last `most` bytes, of PATH.1 too where PATH has fewer. A log that is not there yet is empty. 0; -1 with e.
 * act_log_free in either case.
 */
int act_log_read(const char *path, size_t most, struct act_log *log, struct error *e);
/*
 * The line before, from the end on; lines that are none, as one cut by a crash, are passed over. Borrowed until the
 * next call takes it away: *line begins as NULL. False: there is none, and *line is NULL again.
 */
bool act_log_back(struct act_log *log, json_t **line);
void act_log_free(struct act_log *log);

/* Members of a line; those that are missing are empty, or 0. */
const char *act_line_text(const json_t *line, const char *name);
int64_t act_line_at(const json_t *line);
/* False: none of ours. */
bool act_line_state(const json_t *line, enum act_state *out);

/* ---- what was done lately ---- */

/* The acts of the last ACT_LOG_MAX bytes, which are more than those of an hour. */
struct act_past;
/* NULL with e. */
struct act_past *act_past_read(const char *path, struct error *e);
void act_past_free(struct act_past *past);
/* What act_log_add was given since. 0; -1 with e. */
int act_past_add(struct act_past *past, const struct act *act, const struct act_outcome *outcome, struct error *e);
/* What was written of an act: the state of its newest line. False: nothing. */
bool act_past_find(const struct act_past *past, const char *id, enum act_state *out);
/* How many were begun, or refused, within the hour before now_s. What is said to be later counts, too. */
unsigned act_past_count(const struct act_past *past, enum act_state state, int64_t now_s);

#endif
