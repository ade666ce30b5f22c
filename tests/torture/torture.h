/* What the scenarios of the torture share, and those that are too long for torture.c. */
#ifndef POSTERN_TESTS_TORTURE_TORTURE_H
#define POSTERN_TESTS_TORTURE_TORTURE_H

#include "core/engine.h"

#include <stdbool.h>
#include <stdio.h>

#define ANNA "anna@contoso.example" /* may send */
#define BERT "bert@contoso.example" /* may not */

struct tools {
    FILE *out;
    struct engine *engine; /* of "requests" and "milter" */
};

/* A promise that must hold whatever fails; what is said when it doesn't. */
void must(bool holds, const char *what);
#define MUST(what) must((what), #what)

/* Ends the run: the test itself is broken. */
_Noreturn void die(const char *what, const char *why);

/* A path in the folder; valid until the eighth call after it. */
const char *below(const char *name);
void write_file(const char *name, const char *text);
void remove_tree(const char *name);

/* SMTP sessions of who may and who may not send, through the milter's callbacks (milter.c). */
void milter_sessions(struct tools *t, bool works);

/* A notice that is put into the spool, and sent from there (notices.c). */
void notices(struct tools *t, bool works);
void before_notices(struct tools *t);
void after_notices(struct tools *t);

#endif
