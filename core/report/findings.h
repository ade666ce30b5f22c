/*
 * Findings of a check: a table of rules, and what was found against them. Shared by "postern audit" and "postern
 * check-postfix".
 */
#ifndef POSTERN_CORE_REPORT_FINDINGS_H
#define POSTERN_CORE_REPORT_FINDINGS_H

#include "core/base/buf.h"
#include "core/report/accepted.h"
#include "core/report/printer.h"

#include <stdbool.h>

enum severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL };
const char *severity_name(enum severity severity);

struct rule {
    const char *id; /* "permit-in-front" */
    enum severity severity;
    const char *references; /* "CISA MS.EXO.5.1v1, CIS 6.5.4"; NULL: none */
    const char *title;      /* what is right, as a sentence */
    const char *advice;     /* what to do; a finding may say it more exactly */
};

enum rule_state { RULE_PASSED, RULE_FOUND, RULE_SKIPPED };

struct finding {
    const struct rule *rule;
    enum severity severity;
    char where[200];
    char evidence[900];
    char advice[700];
    struct acceptance { /* by findings_accept */
        bool was, holds;
        char until[16], by[80], why[300];
    } accepted;
};

/* Findings against one list of rules; a rule's number is its index there. */
struct findings {
    const struct rule *rules;
    size_t n_rules;
    bool merge;           /* findings of one rule with the same advice and place are printed as one */
    char skipped[64][96]; /* why a rule could not be checked; empty: it was */
    struct finding *list;
    size_t n, capacity;
    bool lost;            /* no memory for one: the exit status is the worst */
    struct finding spare; /* takes what there was no memory for */
};

#define FINDINGS_RULES_MAX 64

void findings_begin(struct findings *f, const struct rule *rules, size_t n);
void findings_free(struct findings *f);

/*
 * Adds a finding of the rule, with its severity and advice; evidence is ours, foreign text in it is escaped by the
 * caller. Returns the finding, never NULL, which may be changed until the next one is added.
 */
struct finding *findings_add(struct findings *f, size_t rule, const char *where, const char *evidence, ...)
    __attribute__((format(printf, 4, 5)));
void finding_advise(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The rule could not be checked, and why. */
void findings_skip(struct findings *f, size_t rule, const char *why);

/* Marks those that the rows accept, at that time. suite: as findings_report. */
void findings_accept(struct findings *f, const char *suite, const struct accepted *accepted, int64_t now_s);

/* The worst severity of those that are not accepted; SEVERITY_INFO without any, SEVERITY_CRITICAL where one was lost.
 */
enum severity findings_worst(const struct findings *f);
/* How many there are of that rule. */
size_t findings_of(const struct findings *f, size_t rule);
/* The worst first, what is accepted last; findings of one cause become one, where `merge` says so. */
void findings_sort(struct findings *f);

/* Sorts them and shows them. suite names the check ("audit"). */
void findings_report(struct findings *f, const char *suite, struct printer *out);
/* The same, sorted already, as an object of that name in another one; NULL: outside. */
void findings_tree(const struct findings *f, const char *suite, const char *name, struct printer *out);

#endif
