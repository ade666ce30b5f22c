/*
 * "postern-mirror on-premises": makes a file for smtp_auth.on_premises_file of exports of the local Exchange: the
 * mailboxes of Get-Mailbox live there, those of Get-RemoteMailbox in Exchange Online.
 */
#ifndef POSTERN_MIRROR_ON_PREMISES_H
#define POSTERN_MIRROR_ON_PREMISES_H

#include "core/base/error.h"

#include <stddef.h>
#include <stdio.h>

struct on_premises_options {
    const char *const *files;
    size_t n_files;
    FILE *out; /* the file */
    FILE *log; /* what was left out, and why */
};

/* 0; -1 with e, and nothing was written to out. */
int on_premises_run(const struct on_premises_options *options, struct error *e);

#endif
