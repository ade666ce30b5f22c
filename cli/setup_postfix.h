/* What "postern setup-postfix" does to Postfix's configuration, in parts: private to cli/setup_postfix_*.c and the
 * command. */
#ifndef POSTERN_CLI_SETUP_POSTFIX_H
#define POSTERN_CLI_SETUP_POSTFIX_H

#include "core/report/postfix_check.h"

/* ---- the plan: setup_postfix_plan.c ---- */

#define SETUP_STEPS_MAX 200
#define SETUP_STEP_BYTES 2000

/* One call of postconf(1). */
struct setup_step {
    const char *option; /* "-e", "-P", "-M" or "-F" */
    char setting[SETUP_STEP_BYTES];
    const char *why; /* for people */
};

struct setup_plan {
    struct setup_step *steps;
    size_t n;
    char policyd[300], milter[300], sasl[300]; /* how Postfix names their sockets; empty: that program is left out */
    char notes[1024];                          /* lines for people: what is left to them */
    bool closed;                               /* this user may not connect to their sockets */
    bool overflow;                             /* a step had no room: the plan must not be used */
};

/*
 * Plans the changes after which every service that accepts mail asks postern first; none where it does already.
 * Existing restriction lists are kept, after postern; delivery, mynetworks and relayhost are not touched. 0 with *plan,
 * to be freed by setup_plan_free; -1 with e.
 */
int setup_plan(const struct postfix_check *c, struct setup_plan *plan, struct error *e);
void setup_plan_free(struct setup_plan *plan);

/* ---- the copies: setup_postfix_files.c ---- */

/*
 * Copies of main.cf and master.cf in FOLDER/setup-postern/, where FOLDER is Postfix's: NAME as it was before, NAME.made
 * as the command left it. Each returns 0, or -1 with e.
 */
#define SETUP_COPIES "setup-postern"
/* Before the first change. Copies of an earlier run are put aside as setup-postern.old; older ones are removed. */
int setup_copies_keep(struct slice folder, struct error *e);
/* After the last change. */
int setup_copies_note(struct slice folder, struct error *e);
/*
 * Puts the files back byte for byte, each by a rename, and removes the copies. Refused where a file is no longer as the
 * command left it, unless force.
 */
int setup_copies_restore(struct slice folder, bool force, struct error *e);

#endif
