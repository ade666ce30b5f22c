/* One run at a time for each tenant. The kernel releases the lock when the process ends, however it ends. */
#ifndef POSTERN_MIRROR_TENANT_LOCK_H
#define POSTERN_MIRROR_TENANT_LOCK_H

#include "core/base/error.h"

/* Returns a descriptor to close at the end of the run; -1 with e, also when another run holds the lock. */
int tenant_lock(const char *folder, const char *tenant, struct error *e);
/* The same, but waits at most so many seconds for another run to end. */
int tenant_lock_wait(const char *folder, const char *tenant, unsigned seconds, struct error *e);

#endif
