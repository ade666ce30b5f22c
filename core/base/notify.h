/*
 * Tells the service manager how far we are (sd_notify(3), the datagram protocol, by hand: no library for one datagram).
 * Without $NOTIFY_SOCKET nothing is sent. A failure is nobody's problem but the manager's: nothing is answered.
 */
#ifndef POSTERN_NOTIFY_H
#define POSTERN_NOTIFY_H

/* "READY=1": at the end of the start, and of a reload. */
void notify_ready(void);
/* "RELOADING=1" with the time, as Type=notify-reload wants it; notify_ready ends it. */
void notify_reloading(void);
/* "STOPPING=1" */
void notify_stopping(void);

#endif
