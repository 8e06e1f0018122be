/* SPDX-License-Identifier: Apache-2.0
 * An errand: work that a forked child does while this process goes on. Unlike a trial it is never
 * broken off: a child that holds another process must let go of it by itself, whatever becomes of
 * this process. */
#ifndef TIEXEC_ERRAND_H
#define TIEXEC_ERRAND_H

#include "os/trial.h"

#include <sys/types.h>

struct errand {
    pid_t pid; /* 0: there is none */
    int in;    /* where what the child writes comes out */
    char *text; /* what has come, with a NUL behind it */
    size_t size;
};

/* Forks a child, in a session of its own, that calls `work`, and ends with its result as exit
 * status. Returns 0, and the caller calls errand_forget in the end; or -errno. */
int errand_start(struct errand *errand, trial_work *work, void *context);

/* Waits for the end of the child, for `timeout` milliseconds. Returns 0, then *status is its wait
 * status, and `text` what it has written; -ETIMEDOUT: not yet; or another -errno. */
int errand_wait(struct errand *errand, int timeout, int *status);

/* Frees what belongs to it. A child that has not ended goes on, and is collected by others. */
void errand_forget(struct errand *errand);

#endif
