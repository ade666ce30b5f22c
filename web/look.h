/*
 * What is seen of postern at a glance, for metrics and readiness: kept for a few seconds, so that many readers cost no
 * more than one.
 */
#ifndef POSTERN_WEB_LOOK_H
#define POSTERN_WEB_LOOK_H

#include "core/base/log.h"
#include "core/report/picture.h"
#include "web/answers.h"
#include "web/shelf.h"

/* How long a picture holds. */
#define LOOK_HOLDS_S 5

struct look;

/* The shelf and the log outlive it. NULL without memory. */
struct look *look_new(struct shelf *shelf, struct log *log);
/* NULL is fine. */
void look_free(struct look *look);

/* The replies to /readyz, and to /metrics in each of its formats; in any thread of a pool. */
void look_ready(struct look *look, struct answer_text *out);
void look_metrics(struct look *look, bool open, struct answer_text *out);

/* A picture of the files, with what is wrong with the configuration. As picture_take. */
struct picture *look_picture(struct shelf *shelf, struct report_files *files, struct error *e);

#endif
