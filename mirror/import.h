/*
 * "postern-mirror import": brings the settings of one tenant in from exported files. Either everything that the files
 * say is published as one generation, or nothing has changed.
 */
#ifndef POSTERN_MIRROR_IMPORT_H
#define POSTERN_MIRROR_IMPORT_H

#include "core/config/config.h"
#include "mirror/read/cmdlet.h"

#include <stdio.h>

#define IMPORT_MAX_CHANGE 10 /* percent of a tenant's mailboxes that a run may drop or open without --force */
#define IMPORT_FILES_MAX 4096

struct gathered;

/* Gathers a run's rows where they do not come from files. 0, or -1 with e. */
typedef int import_feed(void *arg, struct gathered *g, struct error *e);

/* "--kind FILE=KIND" */
struct file_kind {
    struct slice file; /* as it is given, or its last part */
    enum kind kind;
};

struct import_options {
    /* What the relay makes of the settings, its journal, mirror.closing and alerts. NULL: none was read. */
    const struct config *config;
    const char *directory;
    const char *tenant;
    enum kind kind;                     /* of all files; KINDS: found out for each */
    const struct file_kind *file_kinds; /* which kind single files are of */
    size_t n_file_kinds;
    bool dry_run, force;
    bool leave_root;     /* started by root: once the files are read, the process goes on as the directory's owner */
    unsigned max_change; /* percent */
    const char *const *files;
    size_t n_files;
    int64_t now;    /* wall clock, seconds */
    FILE *out;      /* what changed */
    FILE *progress; /* NULL, or where a person may be watching */
    /*
     * NULL: rows come from the files. Otherwise the feed hands them over: files then are what stands for a file's name
     * in errors, by the number that each row was gathered with, and source is what the directory says whence it came.
     */
    import_feed *feed;
    void *feed_arg;
    const char *source;
    const char *by;  /* who set what this run brings, from here; NULL: that is not known */
    unsigned wait_s; /* how long another process may go on writing the directory */
};

enum import_result {
    IMPORT_DONE = 0,
    IMPORT_FAILED = 1, /* the files are damaged or say too little, or the directory cannot be written */
    IMPORT_REFUSED = 3 /* the files are whole, but would change too much: --force accepts it */
};

/* Unless IMPORT_DONE, e says why, and nothing has changed. */
enum import_result import_run(const struct import_options *options, struct error *e);

/* May a tenant be called so? Letters, digits, ".", "-" and "_", beginning with a letter or digit, at most 63. */
bool tenant_name_valid(struct slice name);

#endif
