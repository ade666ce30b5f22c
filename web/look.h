/*
 * What is seen of postern at a glance: one picture for metrics, readiness and pages, kept for a few seconds, so that
 * many readers cost no more than one.
 */
#ifndef POSTERN_WEB_LOOK_H
#define POSTERN_WEB_LOOK_H

#include "core/base/log.h"
#include "core/report/picture.h"
#include "web/answers.h"
#include "web/shelf.h"

/* How long a picture holds. What is made of it is kept for others for a second at most (web/routes.c). */
#define LOOK_HOLDS_S 4

struct look;

/* The shelf and the log outlive it. NULL without memory. */
struct look *look_new(struct shelf *shelf, struct log *log);
/* Before the shelf. NULL is fine. */
void look_free(struct look *look);

/*
 * The picture, and the files that it is of: for the caller alone, and others wait, until look_end. In any thread of a
 * pool. NULL with e when there is none; then nothing is to be ended.
 */
struct picture *look_begin(struct look *look, const struct report_files **files, struct error *e);
void look_end(struct look *look);

/* Lets go of a picture that nobody asks for any more, with the generation of the directory and the state that it is of.
 * To be called now and then, in the loop's thread. */
void look_sweep(struct look *look);
#define LOOK_SWEEP_S 10

/* The replies to /readyz, and to /metrics in each of its formats; in any thread of a pool. */
void look_ready(struct look *look, struct answer_text *out);
void look_metrics(struct look *look, bool open, struct answer_text *out);

#endif
