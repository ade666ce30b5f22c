/*
 * The last result of "postern check-postfix", in the spool: for a program that cannot ask Postfix, as postern-web,
 * which starts no other program and is not root. Whoever may ask leaves it there (check-postfix --keep).
 *
 * With it stands by which files it was made, so that a reader sees whether one of them has changed since. The file is
 * input from outside for its reader: what is none of ours, too long, or of another version is told as such.
 */
#ifndef POSTERN_CORE_REPORT_POSTFIX_KEPT_H
#define POSTERN_CORE_REPORT_POSTFIX_KEPT_H

#include "core/config/config.h"
#include "core/report/accepted.h"
#include "core/report/findings.h"

#define POSTFIX_KEPT_FOLDER "checks" /* of the spool */
#define POSTFIX_KEPT_NAME "postfix.json"
/* Beyond that the check does not run any more: its timer starts it each day. */
#define POSTFIX_KEPT_OLD_S (2 * 86400)

enum { MADE_BY_CONFIG, MADE_BY_MAIN, MADE_BY_MASTER, MADE_BY_FILES };

/* The files that a result is made by, as they are now; of one that cannot be looked at the size is -1. */
struct made_by {
    struct made_by_file {
        char path[256];
        int64_t size, inode, changed_s, changed_ns; /* wall clock, and the nanoseconds after that second */
    } files[MADE_BY_FILES];
};

/* postern's configuration and, in Postfix's folder, main.cf and master.cf. 0; -1 with e: a path is too long. */
int made_by_look(const char *config_path, const char *postfix_folder, struct made_by *out, struct error *e);

/* What was found; or NULL, and then the trouble: why nothing could be looked at. */
struct postfix_result {
    struct made_by by;
    int64_t at_s;
    struct findings *findings;
    const char *trouble;
};

/* Writes it in place of the one before. 0; -1 with e. */
int postfix_keep(const struct config *config, const struct postfix_result *result, struct error *e);

/*
 * Shows it as an object: "state" ("current", "changed": a file is another one since, "old", "failed", "other-version",
 * "unreadable", "none"), "why" in words, "checked" and "version"; and in the first three states "result", which is what
 * "postern check-postfix --json" prints, with the marks of those that were accepted. 0, or -1 with e.
 */
int postfix_kept_report(const struct config *config, const char *config_path, const struct accepted *accepted,
                        int64_t now_s, struct printer *out, struct error *e);
/* The same of a file's text, which may be anything. */
int postfix_kept_show(struct slice text, const char *config_path, const struct accepted *accepted, int64_t now_s,
                      struct printer *out, struct error *e);

#endif
