/* How urgent a thread's work is, against that of the other threads on the machine. */
#ifndef POSTERN_PRIORITY_H
#define POSTERN_PRIORITY_H

/*
 * The calling thread's work can wait: it gives way to the threads that answer, by as much as the units' Nice= puts
 * these before other programs. On Linux a niceness is a thread's own (setpriority(2), "C library/kernel differences").
 * Where that is not allowed nothing changes.
 */
void priority_give_way(void);

#endif
