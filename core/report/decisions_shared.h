/* Decisions of all relays of a cluster, as postern-cluster has gathered them. */
#ifndef POSTERN_CORE_REPORT_DECISIONS_SHARED_H
#define POSTERN_CORE_REPORT_DECISIONS_SHARED_H

#include "core/base/error.h"
#include "core/report/printer.h"

/*
 * Shows the newest `most` of them, the newest last, with the relay that decided; and names the relays that did not
 * answer. 0; 1: some did not; -1 with e: text is not what postern-cluster writes. *n: how many decisions there were.
 */
int decisions_shared_report(struct slice text, size_t most, struct printer *out, size_t *n, struct error *e);

#endif
