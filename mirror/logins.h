/*
 * "postern-mirror logins": makes a file for smtp_auth.logins_file of exports of Active Directory: which mailbox each
 * account is.
 */
#ifndef POSTERN_MIRROR_LOGINS_H
#define POSTERN_MIRROR_LOGINS_H

#include "core/base/error.h"

#include <stddef.h>
#include <stdio.h>

struct logins_options {
    const char *directory; /* addresses that it knows go before others; it may be missing */
    const char *tenant;    /* NULL: any */
    const char *netbios;   /* goes in front of each account; NULL: nothing does */
    const char *const *files;
    size_t n_files;
    FILE *out; /* the file */
    FILE *log; /* what was left out, and why */
};

enum logins_result {
    LOGINS_DONE = 0,
    LOGINS_FAILED = 1,
    LOGINS_PARTIAL = 4 /* written, but for accounts that would be two mailboxes' */
};

/* LOGINS_FAILED: e says why, and nothing was written to out. */
enum logins_result logins_run(const struct logins_options *options, struct error *e);

#endif
