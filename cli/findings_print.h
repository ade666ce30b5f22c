/* Findings as text for people, as JSON, as JUnit XML for pipelines, and the worst as exit status. */
#ifndef POSTERN_CLI_FINDINGS_PRINT_H
#define POSTERN_CLI_FINDINGS_PRINT_H

#include "cli/terminal.h"
#include "core/report/findings.h"

/* Exit statuses beside CLI_OK (nothing, or only information). */
#define FINDINGS_EXIT_LOW 3 /* low or medium */
#define FINDINGS_EXIT_HIGH 4
#define FINDINGS_EXIT_CRITICAL 5

int findings_exit_status(const struct findings *f);

enum findings_format { FINDINGS_TEXT, FINDINGS_JSON, FINDINGS_JUNIT };

/* Sorts by severity and prints, text for that terminal. suite names the check ("audit"). 0, or -1 with errno. */
int findings_print(struct findings *f, enum findings_format format, const char *suite, const struct terminal *t,
                   FILE *to);

#endif
