#include "mirror/build/trim.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STEPS 16384u

/*
 * LMDB does not tell where its map is, so the kernel is asked (proc(5)). Only a shared map of a file is ever given
 * back: of private memory it would be a loss.
 */
static void find(struct trim *t, const void *inside)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    uintptr_t wanted = (uintptr_t)inside;
    char line[512];

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        char *rest, *mode;
        uintptr_t from = strtoull(line, &rest, 16);
        uintptr_t to = *rest == '-' ? strtoull(rest + 1, &mode, 16) : 0;

        if (to <= from || wanted < from || wanted >= to)
            continue;
        if (strlen(mode) > 5 && mode[2] == '-' && mode[4] == 's') { /* " r--s": not written to, shared */
            t->map = (char *)from; /* NOLINT(performance-no-int-to-ptr): the kernel says it as a number */
            t->length = to - from;
        }
        break;
    }
    if (maps != NULL)
        fclose(maps);
}

void trim_step(struct trim *t, const void *inside)
{
    if (inside == NULL || ++t->steps % STEPS != 0)
        return;
    if (t->map == NULL)
        find(t, inside);
    if (t->map != NULL)
        (void)madvise(t->map, t->length, MADV_DONTNEED);
}
