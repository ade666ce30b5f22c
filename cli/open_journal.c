/* The journal, for the commands that read it. */
#include "cli/cli.h"

#include "core/journal/journal_apart.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int cli_open_journal(struct cli *cli)
{
    struct error e;

    if (cli->journal != NULL)
        return 0;
    if (cli_open_config(cli) != 0)
        return -1;
    if (cli->config->journal == NULL || cli->config->journal[0] == '\0') {
        (void)cli_fail(cli, "no journal is kept: journal = \"\" in %s", cli->config->file);
        return -1;
    }
    if (journal_open_apart(cli->config->journal, &cli->journal, &e) == 0)
        return 0;
    cli->journal = NULL;
    if (faccessat(AT_FDCWD, cli->config->journal, R_OK | X_OK, AT_EACCESS) != 0 && errno == EACCES)
        cli->may_not_read = true;
    (void)cli_fail(cli, "%s", e.text);
    return -1;
}
