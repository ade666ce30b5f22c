/* postern-policyd: the Postfix policy delegation server. */
#include "core/base/notify.h"
#include "core/config/program.h"
#include "core/engine/engine_serve.h"
#include "policyd/server.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME "postern-policyd"

int main(int argc, char **argv)
{
    struct program_options options;
    struct engine *engine = NULL;
    struct server *server;
    struct error e;
    sigset_t signals;
    int status = program_begin(argc, argv, NAME, "Answers Postfix's policy requests.", &options);

    if (status != PROGRAM_GO_ON)
        return status;
    program_prepare_service();
    engine_take_signals(&signals);
    if (engine_open(options.config_path, NAME, &engine, &e) != 0) {
        fprintf(stderr, "%s: %s\n", NAME, e.text);
        return PROGRAM_EXIT_FAILED;
    }
    if (server_start(engine, &server, &e) != 0) {
        fprintf(stderr, "%s: %s\n", NAME, e.text);
        log_say(engine_log(engine), LEVEL_ERROR, "not started: %s", e.text);
        engine_close(engine);
        return PROGRAM_EXIT_FAILED;
    }
    log_say(engine_log(engine), LEVEL_NOTICE, "version %s serves, workers: %u", POSTERN_VERSION,
            engine_config(engine)->policyd.workers);
    notify_ready();
    engine_serve(engine, &signals);
    notify_stopping();
    server_stop(server);
    log_say(engine_log(engine), LEVEL_NOTICE, "stopped");
    engine_close(engine);
    return EXIT_SUCCESS;
}
