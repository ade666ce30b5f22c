/* postern: the administrator's side. Finds the command and runs it. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "core/config/program.h"

#include <locale.h>
#include <signal.h>
#include <unistd.h>

/* How the program was called wrong. */
static int usage(void)
{
    fputs(CLI_USAGE_LINE, stderr);
    return CLI_USAGE;
}

/* Through a pager where the output may be long and goes to a terminal. */
static int run_paged(struct cli *cli, int argc, char **argv)
{
    pid_t pager;
    int status;

    cli->terminal = terminal_of(STDOUT_FILENO);
    pager = cli->command->pages && cli->terminal.columns > 0 ? pager_begin() : 0;
    optind = 0; /* GNU: start over, with another table */
    status = cli->command->run(cli, argc, argv);
    pager_end(pager);
    return cli_exit_status(cli, status);
}

static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                        {"version", no_argument, NULL, 'V'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

int main(int argc, char **argv)
{
    struct cli cli = {.files = {.config_path = PROGRAM_CONFIG_DEFAULT}};
    struct error e;
    int option, status;
    char alias[] = "check";
    bool check = false;

    (void)setlocale(LC_TIME, "C");
    (void)signal(SIGPIPE, SIG_DFL);
    while ((option = getopt_long(argc, argv, "+c:tVh", options, NULL)) != -1) {
        if (option == 'c')
            cli.files.config_path = optarg;
        else if (option == 't')
            check = true;
        else if (option == 'V')
            return printf("postern %s\n", POSTERN_VERSION) < 0;
        else if (option == 'h')
            return cli_print_help(stdout), CLI_OK;
        else
            return usage();
    }
    if (check) /* as "check", with what follows */
        argv[--optind] = alias;
    if (optind >= argc)
        return (void)usage(), fputs("\n", stderr), cli_print_commands(stderr), CLI_USAGE;
    cli.command = cli_command_named(argv[optind]);
    if (cli.command == NULL)
        return cli_no_command(&cli, argv[optind]);
    cli.files.leave_root = cli.command->reads;
    if (state_guard_install(&e) != 0)
        return cli_fail(&cli, "%s", e.text);
    status = run_paged(&cli, argc - optind, argv + optind);
    files_close(&cli.files);
    return status;
}
