/*
 * Who stops working when Exchange Online stops taking passwords, and what each can do: from the relay's own usage, from
 * use at Exchange Online itself, and from how Postfix signs in there.
 */
#ifndef POSTERN_CORE_REPORT_BASIC_SHUTDOWN_H
#define POSTERN_CORE_REPORT_BASIC_SHUTDOWN_H

#include "core/report/files.h"
#include "core/report/postfix_config.h"
#include "core/report/printer.h"

enum shutdown_effect {
    SHUTDOWN_STOPS,   /* it signs in at Exchange Online with a password */
    SHUTDOWN_UNKNOWN, /* it signs in there, and by what is not known */
    SHUTDOWN_DEPENDS, /* it signs in at this relay, which heeds the mirrored settings */
    SHUTDOWN_GOES_ON, /* and which does not, for this mailbox */
    SHUTDOWN_EFFECTS
};

struct shutdown {
    const struct report_files *files; /* the directory is open; journal and history may be NULL */
    const struct postfix *postfix;    /* NULL: it could not be read */
    int64_t now_s;                    /* wall clock */
    uint64_t days;                    /* who used it in that time */
    uint64_t found[SHUTDOWN_EFFECTS]; /* set by shutdown_report: rows of each kind */
};

/* The worst first. 0; -1 with e, perhaps after the first rows. */
int shutdown_report(struct shutdown *s, struct printer *out, struct error *e);

#endif
