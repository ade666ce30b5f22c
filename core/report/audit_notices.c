/* Do notices reach anybody? */
#include "core/report/audit.h"
#include "core/report/notices.h"

#include <sys/stat.h>
#include <unistd.h>

#define LATE_S 300 /* postern-alert tries again after five minutes at most */

/* The auditing user need not be the one that runs it: so it must be a file that somebody may execute. */
static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
}

static void check_commands(struct audit *a)
{
    for (size_t i = 0; i < a->config->n_alerts; i++) {
        const char **command = a->config->alerts[i].command;

        if (command != NULL && !is_program(command[0]))
            findings_add(a->findings, AUDIT_ALERT_COMMAND, "alerts", "%.300s is not a program", command[0]);
    }
}

void audit_notices(struct audit *a)
{
    struct notices n;

    check_commands(a);
    notices_look(a->config->spool, &n);
    if (n.part == PART_CLOSED || n.part == PART_UNUSABLE) {
        findings_skip(a->findings, AUDIT_NOTICES, "the spool cannot be read");
        return;
    }
    if (n.waiting > 0 && a->config->n_alerts > 0 && a->now_s - n.oldest_s > LATE_S)
        findings_add(a->findings, AUDIT_NOTICES, a->config->spool, "%u notices wait, the oldest for %lld minutes",
                     n.waiting, (long long)((a->now_s - n.oldest_s) / 60));
    if (n.given_up > 0)
        findings_add(a->findings, AUDIT_NOTICES, a->config->spool,
                     "%u notices of the last 7 days were given up; %.200s/alerts/failed says why", n.given_up,
                     a->config->spool);
}
