/* postern-milter: the milter. See doc/postern-milter.8. */
#include "core/config/program.h"
#include "milter/serve.h"

int main(int argc, char **argv)
{
    struct program_options options;
    int status =
        program_begin(argc, argv, "postern-milter", "May this login send this message now? As a milter.", &options);

    return status == PROGRAM_GO_ON ? serve(options.config_path) : status;
}
