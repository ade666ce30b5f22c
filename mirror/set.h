/*
 * "postern-mirror set": sets SMTP AUTH of mailboxes, or of the organization, in Exchange Online itself, as the vendor's
 * page does with a text file and a loop. Here each name is looked up before anything is set, the list is confirmed
 * once, and what was set is published to the directory in one generation.
 */
#ifndef POSTERN_MIRROR_SET_H
#define POSTERN_MIRROR_SET_H

#include "core/config/config.h"
#include "mirror/writeback.h"

#include <stdio.h>

struct set_options {
    const struct config *config;
    /* Where names are looked up, and where what was set is published. NULL: the service is asked, and the next sync
     * brings it in. */
    const char *directory;
    const char *tenant; /* NULL: each mailbox's own */
    enum writeback value;
    const char *const *names; /* any names of mailboxes (core/directory/mailbox_name.h) */
    size_t n_names;
    const char *file; /* more of them, one a line (core/base/lines.h); "-": from in; NULL: none */
    bool yes;         /* confirmed on the command line, if each name has exactly one mailbox */
    bool force;       /* also if some names have no mailbox, or several */
    bool dry_run;
    const char *by; /* who asked for it, for the log; NULL: the caller */
    /* Somebody waits: so many seconds at most for Exchange Online at each request, and for another run that writes the
     * directory. 0: mirror.deadline, and 300 s. */
    unsigned at_most_s;
    FILE *in;  /* terminal for the confirmation */
    FILE *out; /* for the question and the result */
    FILE *log;
};

/* Exit statuses. */
enum set_result {
    SET_DONE = 0,    /* or nothing was to be done */
    SET_FAILED = 1,  /* nothing was set */
    SET_REFUSED = 3, /* nothing was set: some names have no mailbox, or several */
    SET_PARTLY = 5   /* some were set, others not; or all, but the directory could not be written. `out` says which */
};

#define SET_NAMES_MAX 10000 /* in one run */

/* Unless SET_DONE, e says why. Who did what goes to the log where the services log. */
enum set_result set_mailboxes(const struct set_options *options, struct error *e);

/* The organization's switch, of the tenant or of the only one; names and file are not looked at. */
enum set_result set_organization(const struct set_options *options, struct error *e);

#endif
