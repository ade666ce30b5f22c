#include "core/config/program.h"

#include "core/config/config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int check_config(const char *name, const char *path)
{
    struct config *config;
    struct error e;

    if (config_load(path, &config, &e) != 0) {
        fprintf(stderr, "%s: %s\n", name, e.text);
        return PROGRAM_EXIT_FAILED;
    }
    config_free(config);
    printf("%s: OK\n", path);
    return EXIT_SUCCESS;
}

static void print_usage(FILE *to, const char *name)
{
    fprintf(to, "usage: %s [-c FILE] [-t] [-V] [-h]\n", name);
}

static void print_help(const char *name, const char *purpose)
{
    print_usage(stdout, name);
    printf("%s\n\n"
           "  -c FILE   configuration file (default: %s)\n"
           "  -t        check the configuration and end; \"postern check\" says what it means\n"
           "  -V        print the version and end\n"
           "  -h        print this help and end\n",
           purpose, PROGRAM_CONFIG_DEFAULT);
}

int program_begin(int argc, char **argv, const char *name, const char *purpose, struct program_options *options)
{
    bool check = false;
    int option;

    options->config_path = PROGRAM_CONFIG_DEFAULT;
    while ((option = getopt(argc, argv, "c:tVh")) != -1) {
        switch (option) {
        case 'c':
            options->config_path = optarg;
            break;
        case 't':
            check = true;
            break;
        case 'V':
            printf("%s %s\n", name, POSTERN_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            print_help(name, purpose);
            return EXIT_SUCCESS;
        default: /* getopt has printed what is wrong */
            print_usage(stderr, name);
            return PROGRAM_EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument \"%s\"; a configuration file is given with -c\n", name, argv[optind]);
        print_usage(stderr, name);
        return PROGRAM_EXIT_USAGE;
    }
    return check ? check_config(name, options->config_path) : PROGRAM_GO_ON;
}

void program_prepare_service(void)
{
    struct rlimit limit;

    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* if it fails, the soft limit stays: fewer connections */
    }
}

void program_guard_secrets(void)
{
    static const char *const names[] = {"SSLKEYLOGFILE",   "SSL_CERT_FILE",   "SSL_CERT_DIR", "OPENSSL_CONF",
                                        "OPENSSL_MODULES", "OPENSSL_ENGINES", "GCONV_PATH"};

    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unsetenv(names[i]);
}
