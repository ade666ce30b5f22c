/*
 * "postern-mirror import" of the SMTP AUTH clients report: use of SMTP AUTH in the cloud, into the history
 * (core/journal/cloud_use.h). A run may have reports and exports of settings.
 */
#ifndef POSTERN_MIRROR_IMPORT_USE_H
#define POSTERN_MIRROR_IMPORT_USE_H

#include "mirror/import.h"

#define USE_REPORTS_MAX 64     /* in a run */
#define REPORT_DAYS_MAX 90     /* that the report can be about */
#define REPORT_DAYS_STANDARD 7 /* what it is about unless another range was chosen */
#define REPORT_BEHIND_S 86400  /* the report lacks the last day when it is exported */

struct use_reports;

/*
 * Takes the reports out of the options' files and opens them. Call it before import_run, which gives up root's rights.
 * Files whose kind the options name are left. days: the range chosen in the admin center; 0: unknown. 0 and *out, NULL
 * when there are none; -1 with e.
 */
int use_reports_open(struct import_options *options, unsigned days, struct use_reports **out, struct error *e);
/* Stores the reports, each as a whole or not at all, and prints a line for each. 0, or -1 with e. */
int use_reports_write(struct use_reports *u, const struct import_options *options, struct error *e);
void use_reports_close(struct use_reports *u); /* NULL is fine */

#endif
