/*
 * "postern-mirror import": brings the settings of one tenant in from exported files. Either everything in the files is
 * published as one generation, or nothing changes.
 */
#ifndef POSTERN_MIRROR_IMPORT_H
#define POSTERN_MIRROR_IMPORT_H

#include "core/config/config.h"
#include "mirror/read/cmdlet.h"

#include <stdio.h>

#define IMPORT_MAX_CHANGE 10 /* percent of a tenant's mailboxes that a run may drop or open without --force */
#define IMPORT_FILES_MAX 4096

struct gathered;

/* Gathers the rows of a run that doesn't read files. 0, or -1 with e. */
typedef int import_feed(void *arg, struct gathered *g, struct error *e);

/* "--kind FILE=KIND" */
struct file_kind {
    struct slice file; /* the path as given, or its last component */
    enum kind kind;
};

/* What a run did that was published. */
struct import_tally {
    uint64_t changes; /* mailboxes that changed, came or went */
};

struct import_options {
    /* For the relay's own rules, its journal, mirror.closing and alerts. NULL: none was read. */
    const struct config *config;
    const char *directory;
    const char *tenant;
    enum kind kind;                     /* of all files; KINDS: detected for each */
    const struct file_kind *file_kinds; /* the kinds of individual files */
    size_t n_file_kinds;
    bool dry_run, force;
    bool leave_root;     /* if started by root: after reading the files, go on as the directory's owner */
    unsigned max_change; /* percent */
    const char *const *files;
    size_t n_files;
    int64_t now;    /* wall clock, seconds */
    FILE *out;      /* what changed */
    FILE *progress; /* NULL, or perhaps a terminal */
    /*
     * NULL: rows come from the files. Otherwise from the feed: `files` then are the names for errors, by the number
     * with which a row is gathered, and `source` is recorded in the directory as the origin.
     */
    import_feed *feed;
    void *feed_arg;
    const char *source;
    bool pulled;                /* it is another relay's generation; `source` is that relay */
    const char *by;             /* who set what this run brings, here; NULL: not known */
    struct import_tally *tally; /* filled when all is well; NULL: nobody asks */
    unsigned wait_s;            /* how long to wait for another process that writes the directory */
};

enum import_result {
    IMPORT_DONE = 0,
    IMPORT_FAILED = 1, /* the files are damaged or incomplete, or the directory can't be written */
    IMPORT_REFUSED = 3 /* the files are sound, but would change too much; --force overrides */
};

/* Unless IMPORT_DONE, e says why, and nothing has changed. */
enum import_result import_run(const struct import_options *options, struct error *e);

#endif
