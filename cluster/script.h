/*
 * The script that runs in Redis for each batch. All times are of Redis' own clock, in microseconds.
 *
 *     KEYS  the batch's number; n counters; for each member its limit's counter and its mark
 *     ARGV  number, n, then for each counter: reset, amount, cap, floor; for each member: amount, cap, ms to keep,
 * proof
 *
 * Returns what is left until the end of each counter, n integers; for each member what is left of its limit, and what
 * stood in its mark before: "" when it is new everywhere. A batch whose number is not above that of the last one of
 * the same outbox was there already: it changes nothing, and gets the same kind of reply. Number 0 is never there.
 */
#ifndef POSTERN_CLUSTER_SCRIPT_H
#define POSTERN_CLUSTER_SCRIPT_H

extern const char script_text[];

#define SCRIPT_SHA1_DIGITS 40
/* The name by which EVALSHA knows it, terminated. */
void script_sha1(char out[SCRIPT_SHA1_DIGITS + 1]);

#endif
