/*
 * Reports our state to the service manager: the datagrams of sd_notify(3), without the library.
 * Without $NOTIFY_SOCKET nothing is sent. Failures are ignored.
 */
#ifndef POSTERN_NOTIFY_H
#define POSTERN_NOTIFY_H

#include <stdbool.h>

/* "READY=1": at the end of the start, and of a reload. */
void notify_ready(void);
/* "RELOADING=1" with the time, as Type=notify-reload wants it; notify_ready ends it. */
void notify_reloading(void);
/* "WATCHDOG=1": for a unit with WatchdogSec, which ends a program that has not said so for as long. */
void notify_alive(void);
/* "STOPPING=1" */
void notify_stopping(void);
/*
 * "FDSTORE=1": has the manager keep a copy of this descriptor over a crash and a restart, and pass it in again
 * (sd_listen_fds(3)), if the unit has a FileDescriptorStoreMax. False where there is no manager.
 */
bool notify_keep(int fd);

#endif
