/* What happens to a message, or to one SMTP command of it. */
#ifndef POSTERN_ACTION_H
#define POSTERN_ACTION_H

enum action { ACTION_PASS, ACTION_DEFER, ACTION_REJECT, ACTION_HOLD };

/* "pass": as in log lines. */
const char *action_name(enum action action);

#endif
