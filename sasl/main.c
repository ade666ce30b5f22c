/* postern-sasl: a door between Postfix and Dovecot at AUTH. */
#include "core/base/notify.h"
#include "core/config/program.h"
#include "core/engine/engine_serve.h"
#include "sasl/door.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME "postern-sasl"

int main(int argc, char **argv)
{
    struct program_options options;
    struct engine *engine = NULL;
    struct door *door;
    struct error e;
    sigset_t signals;
    int status = program_begin(argc, argv, NAME, "Stands between Postfix and Dovecot, and refuses at AUTH.", &options);

    if (status != PROGRAM_GO_ON)
        return status;
    program_guard_secrets(); /* passwords pass through */
    program_prepare_service();
    engine_take_signals(&signals);
    if (engine_open(options.config_path, NAME, &engine, &e) != 0) {
        fprintf(stderr, "%s: %s\n", NAME, e.text);
        return PROGRAM_EXIT_FAILED;
    }
    if (door_start(engine, &door, &e) != 0) {
        fprintf(stderr, "%s: %s\n", NAME, e.text);
        log_say(engine_log(engine), LEVEL_ERROR, "not started: %s", e.text);
        engine_close(engine);
        return PROGRAM_EXIT_FAILED;
    }
    log_say(engine_log(engine), LEVEL_NOTICE, "version %s serves before %s", POSTERN_VERSION,
            engine_config(engine)->sasl.upstream.address);
    notify_ready();
    engine_serve(engine, &signals);
    notify_stopping();
    door_stop(door);
    log_say(engine_log(engine), LEVEL_NOTICE, "stopped");
    engine_close(engine);
    return EXIT_SUCCESS;
}
