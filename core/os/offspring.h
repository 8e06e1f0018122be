/* SPDX-License-Identifier: Apache-2.0
 * All descendants of this process, which collects those whose parents have ended, too
 * (PR_SET_CHILD_SUBREAPER), and what they have used. */
#ifndef TIEXEC_OFFSPRING_H
#define TIEXEC_OFFSPRING_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct offspring {
    pid_t first; /* the child whose end is waited for: set by the caller, all else is 0 */
    int64_t ended; /* when it ended, by base/clock.h */
    int status;    /* of it, as wait(2) has it */
    bool interrupted, is_left;
    int64_t user, system; /* nanoseconds */
    uint64_t faults, switches;
    uint64_t peak; /* bytes: the most resident memory of one process */
};

/* Waits until the first child has ended, and then for the others, two seconds at the most:
 * `is_left` tells whether there are still some. `ending` are signals, blocked like SIGCHLD, that
 * end it early: who has not ended two seconds after one of them is killed. */
void offspring_wait(struct offspring *offspring, const sigset_t *ending);

#endif
