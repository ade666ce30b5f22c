/* The journal, for the commands that read it. */
#include "cli/cli.h"

#include "core/journal_apart.h"

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
    (void)cli_fail(cli, "%s", e.text);
    return -1;
}
