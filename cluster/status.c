#include "cluster/status.h"

#include "core/base/clock.h"
#include "core/config/program.h"
#include "core/print/print.h"
#include "core/report/cluster_report.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "postern-cluster"

static void print_usage(FILE *to)
{
    fputs("usage: " NAME " status [-c FILE] [--json]\n", to);
}

static int fail(const char *why)
{
    fprintf(stderr, NAME " status: %s\n", why);
    return PROGRAM_EXIT_FAILED;
}

static int show(const struct config *config, enum output_format format)
{
    const struct terminal terminal = terminal_of(STDOUT_FILENO);
    struct printer *out = print_begin(stdout, format, &terminal, NAME, "status");
    struct error e;
    int found;

    if (out == NULL)
        return fail("out of memory");
    found = cluster_report(config, clock_wall_s(), out, &e);
    if (print_end(out) != 0)
        return fail(strerror(errno));
    if (found < 0)
        return fail(e.text);
    return found == 0 ? EXIT_SUCCESS : STATUS_EXIT_TROUBLE;
}

int status_command(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = PROGRAM_CONFIG_DEFAULT;
    enum output_format format = OUTPUT_TEXT;
    struct config *config;
    struct error e;
    int option, status;

    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == 'c') {
            path = optarg;
        } else if (option == 'j') {
            format = OUTPUT_JSON;
        } else {
            print_usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : PROGRAM_EXIT_USAGE;
        }
    }
    if (optind < argc) {
        print_usage(stderr);
        return PROGRAM_EXIT_USAGE;
    }
    if (config_load(path, &config, &e) != 0)
        return fail(e.text);
    status = show(config, format);
    config_free(config);
    return status;
}
