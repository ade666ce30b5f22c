/*
 * Posts so many charges of one key into an outbox as the services do, and as fast as it can: for
 * tests/integration/cluster_overrun.sh.
 *
 *     outbox_flood OUTBOX N
 */
#include "core/state/outbox.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const struct charge charge = {.key = 1, .cost = 1, .interval_ns = 1000, .burst = 10};
    struct outbox *outbox;
    struct error e;

    if (argc != 3 || outbox_open(argv[1], OUTBOX_WRITER, &outbox, &e) != 0 || outbox_problem(outbox) != NULL) {
        fprintf(stderr, "usage: outbox_flood OUTBOX N, with an outbox that is there\n");
        return EXIT_FAILURE;
    }
    for (unsigned long n = strtoul(argv[2], NULL, 10); n > 0; n--)
        outbox_tell_charge(outbox, OUTBOX_COUNTERS, &charge);
    outbox_close(outbox);
    return EXIT_SUCCESS;
}
