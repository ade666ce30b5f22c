/* Findings in the format that was asked for, JUnit XML for pipelines among them, and the worst as exit status. */
#ifndef POSTERN_CLI_FINDINGS_PRINT_H
#define POSTERN_CLI_FINDINGS_PRINT_H

#include "cli/cli.h"
#include "core/report/findings.h"

/* Exit statuses beside CLI_OK (nothing, or only information). */
#define FINDINGS_EXIT_LOW 3 /* low or medium */
#define FINDINGS_EXIT_HIGH 4
#define FINDINGS_EXIT_CRITICAL 5

int findings_exit_status(const struct findings *f);

/* On the standard output. suite names the check ("audit"). CLI_OK, or CLI_FAILED after an error was printed. */
int findings_print(struct cli *cli, struct findings *f, bool junit, const char *suite);

#endif
