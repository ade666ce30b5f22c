/* postern reload: the services read their configuration again. */
#include "cli/commands.h"
#include "cli/processes.h"

#include <errno.h>
#include <signal.h>

int cmd_reload(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {CLI_LAST_OPTIONS};
    struct process list[PROCESSES_MAX];
    int status;
    size_t n;

    if (!cli_common_options(cli, argc, argv, options, 0, 0, &status))
        return status;
    /* An error is better reported here than in their logs. */
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    n = processes_find(cli->files.config_path, cli->files.config->state_path, list);
    for (size_t i = 0; i < n; i++) {
        if (process_signal(&list[i], cli->files.config_path, cli->files.config->state_path, SIGUSR1) == 0)
            printf("%s (pid %ld) reads %s again\n", list[i].name, (long)list[i].pid, cli->files.config_path);
        else
            status = cli_fail(cli, "%s (pid %ld): %s", list[i].name, (long)list[i].pid, strerror(errno));
    }
    return n > 0 ? status : cli_fail(cli, "no service runs with %s", cli->files.config_path);
}
