#include "core/base/priority.h"

#include <sys/resource.h>

#define GIVE_WAY_BY 10
#define NICENESS_MAX 19

void priority_give_way(void)
{
    int niceness = getpriority(PRIO_PROCESS, 0) + GIVE_WAY_BY;

    (void)setpriority(PRIO_PROCESS, 0, niceness < NICENESS_MAX ? niceness : NICENESS_MAX);
}
