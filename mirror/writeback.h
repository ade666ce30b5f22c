/*
 * "postern-mirror disable USER" and its kin: the one thing that postern changes in Exchange Online, and only where the
 * tenant's configuration says exchange.writeback = true: SmtpClientAuthenticationDisabled of one mailbox.
 */
#ifndef POSTERN_MIRROR_WRITEBACK_H
#define POSTERN_MIRROR_WRITEBACK_H

#include "core/base/error.h"
#include "core/config/config.h"

#include <stdio.h>

enum writeback { WRITEBACK_DISABLE, WRITEBACK_ENABLE, WRITEBACK_INHERIT };

struct writeback_options {
    const struct config *config;
    const char *tenant; /* NULL: found by the user's domain, or the only one */
    const char *user;   /* a mail address or user principal name */
    enum writeback what;
    bool yes;  /* was confirmed on the command line */
    FILE *in;  /* a terminal, where confirmation is asked for */
    FILE *out; /* the question, and what was done */
    FILE *log;
};

/*
 * Shows the mailbox with its present setting, asks, sets, and logs who did what, to syslog too. 0: done, or nothing to
 * do; -1 with e: it was not done.
 */
int writeback_run(const struct writeback_options *options, struct error *e);

#endif
