/* Findings that are accepted for a while: what "postern audit" and "postern check-postfix" share of --accept. */
#ifndef POSTERN_CLI_ACCEPT_H
#define POSTERN_CLI_ACCEPT_H

#include "cli/cli.h"
#include "core/report/findings.h"

enum { ACCEPT_OPTION = 3000, ACCEPT_WITHDRAW, ACCEPT_UNTIL, ACCEPT_WHERE, ACCEPT_REASON };
#define ACCEPT_OPTIONS                                                                                                 \
    {"accept", required_argument, NULL, ACCEPT_OPTION}, {"withdraw", required_argument, NULL, ACCEPT_WITHDRAW},        \
        {"until", required_argument, NULL, ACCEPT_UNTIL}, {"where", required_argument, NULL, ACCEPT_WHERE},            \
    {                                                                                                                  \
        "reason", required_argument, NULL, ACCEPT_REASON                                                               \
    }

struct accept {
    const char *rule, *withdraw, *until, *where, *reason;
};

/* Takes the option, if it is one of these. */
void accept_take(struct accept *a, int option, const char *value);
/* Was one of them given? Then the command checks nothing, and accept_run says how it ends. */
bool accept_wanted(const struct accept *a);

/* Writes it down, or takes it back: CLI_OK, or another status after an error was printed. suite: "audit". */
int accept_run(struct cli *cli, const struct accept *a, const char *suite, const struct rule *rules, size_t n);

#endif
