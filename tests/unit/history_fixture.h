/* A history in a folder of its own. */
#ifndef POSTERN_HISTORY_FIXTURE_H
#define POSTERN_HISTORY_FIXTURE_H

#include "core/journal/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct history_place {
    char folder[64];
};

static inline int history_place_make(void **state)
{
    struct history_place *p = calloc(1, sizeof *p);

    if (p == NULL)
        return -1;
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-history-XXXXXX");
    *state = p;
    return mkdtemp(p->folder) != NULL ? 0 : -1;
}

static inline int history_place_remove(void **state)
{
    struct history_place *p = *state;
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf %s", p->folder);
    if (system(command) != 0)
        return -1;
    free(p);
    return 0;
}

#endif
