/* SPDX-License-Identifier: Apache-2.0
 * A child that waits at a gate before it becomes a command, so that its maker can get ready. */
#ifndef TIEXEC_GATE_H
#define TIEXEC_GATE_H

#include <sys/types.h>

struct gate {
    pid_t pid;
    int fd;
};

/* What the child does before it becomes the command. Returns 0 or -errno. */
typedef int gate_prepare(void *context);

/* Forks the child, for which all signals are as in this process until `prepare` changes that.
 * Returns 0 or -errno. */
int gate_fork(struct gate *gate, const char *path, char *const argv[], gate_prepare *prepare,
              void *context);

/* Lets the child go. Returns 0 or -errno. */
int gate_open(const struct gate *gate);

/* Waits until the child has become the command or has ended, and closes the gate. Returns 0; or
 * -errno, why it could not become the command: then its exit status is 127. */
int gate_close(struct gate *gate);

/* Ends a child that was not let go, and closes the gate. */
void gate_drop(struct gate *gate);

#endif
