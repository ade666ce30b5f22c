/* What the scenarios of the torture share. */
#ifndef POSTERN_TESTS_TORTURE_TORTURE_H
#define POSTERN_TESTS_TORTURE_TORTURE_H

#include "core/engine/engine.h"

#include <stdbool.h>
#include <stdio.h>

#define ANNA "anna@contoso.example" /* may send */
#define BERT "bert@contoso.example" /* may not */
#define CLEO "cleo@contoso.example" /* may not, and nobody in its name */

#define ANSWER_MS 60000

struct tools {
    FILE *out;             /* what is printed goes here */
    struct engine *engine; /* of "requests", "milter" and "sign_ins" */
};

struct scene {
    const char *name;
    void (*run)(struct tools *t, bool works);                   /* with one call failing, or none (works) */
    void (*before)(struct tools *t), (*after)(struct tools *t); /* nothing fails there; NULL: nothing to do */
};

/* A promise that is to be kept whatever fails; the run tells of the broken ones. */
#define MUST(what) must((what), #what)
void must(bool kept, const char *promise);
_Noreturn void die(const char *what, const char *why);

/* A path in the run's folder; valid until the eighth call after it. */
const char *below(const char *name);
void write_file(const char *name, const char *text);
void remove_below(const char *name);

/* At its end, by that login in its own name; and does the verdict let it through? */
struct submission submission_of(const char *login);
bool passes(const struct verdict *v);

/* ---- scenarios of what decides (tests/torture/decisions.c) ---- */

void addresses(struct tools *t, bool works);
void configuration(struct tools *t, bool works);
void narrow_limits(struct tools *t, bool works);
void reading_the_directory(struct tools *t, bool works);

/* ---- scenarios of stores (tests/torture/stores.c) ---- */

void stored_state(struct tools *t, bool works);
void before_stored_state(struct tools *t);
void after_stored_state(struct tools *t);
void journal(struct tools *t, bool works);
void before_journal(struct tools *t);
void history(struct tools *t, bool works);
void before_history(struct tools *t);
void reports(struct tools *t, bool works);
void before_reports(struct tools *t);
void notices(struct tools *t, bool works);
void before_notices(struct tools *t);

/* ---- SMTP sessions through the milter's callbacks (tests/torture/milter.c) ---- */

void milter_sessions(struct tools *t, bool works);

/* ---- a login through the door at AUTH (tests/torture/sign_ins.c) ---- */

void sign_ins(struct tools *t, bool works);
void before_sign_ins(struct tools *t);

/* ---- a notice that is put into the spool, and sent from there (tests/torture/alert.c) ---- */

void alert(struct tools *t, bool works);
void before_alert(struct tools *t);
void after_alert(struct tools *t);

#endif
