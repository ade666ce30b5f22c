/* postern: the administrator's side. Finds the command and runs it. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "core/program.h"

#include <locale.h>
#include <signal.h>

static void usage(FILE *to)
{
    fputs("usage: postern [-c FILE] COMMAND [OPTION...] [ARGUMENT...]\n", to);
}

static void help(void)
{
    usage(stdout);
    cli_print_commands(stdout);
    printf("  -c FILE        configuration (%s)\n"
           "  -V, -h         version, this help; \"postern COMMAND --help\" has more\n",
           PROGRAM_CONFIG_DEFAULT);
}

static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                        {"version", no_argument, NULL, 'V'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

int main(int argc, char **argv)
{
    struct cli cli = {.config_path = PROGRAM_CONFIG_DEFAULT};
    struct error e;
    int option, status;

    (void)setlocale(LC_TIME, "C");
    (void)signal(SIGPIPE, SIG_DFL);
    while ((option = getopt_long(argc, argv, "+c:Vh", options, NULL)) != -1) {
        if (option == 'c')
            cli.config_path = optarg;
        else if (option == 'V')
            return printf("postern %s\n", POSTERN_VERSION) < 0;
        else if (option == 'h')
            return help(), CLI_OK;
        else
            return usage(stderr), CLI_USAGE;
    }
    if (optind >= argc)
        return usage(stderr), fputs("\n", stderr), cli_print_commands(stderr), CLI_USAGE;
    cli.command = cli_command_named(argv[optind]);
    if (cli.command == NULL) {
        char name[80];

        return cli_usage(&cli, "there is no command \"%s\"", cli_plain(name, sizeof name, slice_of(argv[optind])));
    }
    if (state_guard_install(&e) != 0)
        return cli_fail(&cli, "%s", e.text);
    argc -= optind;
    argv += optind;
    optind = 0; /* GNU: begin anew, with another table */
    status = cli.command->run(&cli, argc, argv);
    cli_close(&cli);
    return status;
}
