/* SPDX-License-Identifier: Apache-2.0
 * Process 1 of a pid namespace, of which little is asked: orphans come to it, signals come to it in place
 * of the program, and when it ends the kernel ends all others. */
#ifndef TIEXEC_INIT_H
#define TIEXEC_INIT_H

#include <sys/types.h>

/* Forks. In the child, which is as this process was, *child is 0. Here all signals are blocked from now
 * on, and *child is to be given to init_run. Returns 0 or -errno. */
int init_fork(pid_t *child);

/* Gives signals to the child and collects orphans until the child has ended. Signals that the
 * terminal or the kernel sends go to the child's process group anyway: only what processes send is passed
 * on. Keeps no file but standard error open. *status is the child's, as exit statuses of shells are:
 * 128 + the signal for one that was killed. Returns 0 or -errno. */
int init_run(pid_t child, int *status);

#endif
