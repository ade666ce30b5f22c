/*
 * This relay's decisions, for another one: what "postern log --json" says, in a process of its own, which can neither
 * hold up the sharing nor see the cluster's key.
 */
#ifndef POSTERN_CLUSTER_LOG_RUN_H
#define POSTERN_CLUSTER_LOG_RUN_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <event2/event.h>

#define LOG_RUN_S 5u              /* then it is ended */
#define LOG_RUN_BYTES_MAX 524288u /* of what it says; more is a failure */

struct log_run;

/* text: what it said, an array in JSON; empty: it failed. Called once; then the run can be freed, but not in it. */
typedef void log_run_done(void *arg, struct slice text);

/*
 * Starts it, with the configuration of that path; options are those of core/report/log_question.h. NULL with e.
 */
struct log_run *log_run_new(struct event_base *base, const char *config_path, const char *const options[], size_t n,
                            log_run_done *done, void *arg, struct error *e);
/* Ends the process, if it still runs. NULL is fine. */
void log_run_free(struct log_run *r);

#endif
