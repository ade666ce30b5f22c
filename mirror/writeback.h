/*
 * "postern-mirror disable USER" and the like: sets SmtpClientAuthenticationDisabled of one mailbox. That is all that
 * postern changes in Exchange Online, and only if the tenant's configuration has exchange.writeback = true.
 */
#ifndef POSTERN_MIRROR_WRITEBACK_H
#define POSTERN_MIRROR_WRITEBACK_H

#include "core/base/error.h"
#include "core/config/config.h"

#include <stdio.h>

enum writeback { WRITEBACK_DISABLE, WRITEBACK_ENABLE, WRITEBACK_INHERIT };

struct writeback_options {
    const struct config *config;
    const char *tenant; /* NULL: the one with the user's domain, or the only one */
    const char *user;   /* a mail address or user principal name */
    enum writeback what;
    bool yes;  /* confirmed on the command line */
    FILE *in;  /* terminal for the confirmation */
    FILE *out; /* for the question and the result */
    FILE *log;
};

/*
 * Shows the mailbox and its current setting, asks, sets, and logs who did what, also to syslog. 0: done, or nothing to
 * do; -1 with e: not done.
 */
int writeback_run(const struct writeback_options *options, struct error *e);

#endif
