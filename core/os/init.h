/* SPDX-License-Identifier: Apache-2.0
 * Being process 1 of a pid namespace. It has little to do: orphans become its children, it gets the
 * signals that are meant for the program, and when it ends the kernel ends all other processes of
 * the namespace. */
#ifndef TIEXEC_INIT_H
#define TIEXEC_INIT_H

#include <sys/types.h>

/* Forks. In the child *child is 0, and all is as it was. In this process all signals are blocked
 * from now on, and *child is to be given to init_run. Returns 0 or -errno. */
int init_fork(pid_t *child);

/* Passes signals on to the child and collects orphans until the child has ended. Only signals that
 * processes send are passed on: those of the terminal and of the kernel go to the child's process
 * group anyway. All files are closed, standard error, too. *status is the child's exit status as a
 * shell tells it: 128 + the number of the signal for a child that was killed. Returns 0 or
 * -errno. */
int init_run(pid_t child, int *status);

#endif
