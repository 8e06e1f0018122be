/* SPDX-License-Identifier: Apache-2.0
 * Setting stopped threads going: past the breakpoints where they stand, with the debug registers
 * and options that they are to have. 0 or -errno. */
#ifndef TIEXEC_GO_H
#define TIEXEC_GO_H

#include "ptrace/inferior.h"

/* Which threads are set going, and how. */
struct way {
    enum tracee_resume how;
    pid_t only;   /* this thread alone; 0: all that are stopped */
    pid_t single; /* the thread that RESUME_STEP is meant for, the others run freely */
};

/* A thread of which an event is yet to be told stays stopped. A thread that is gone is no error:
 * wait tells of it. */
int go_all(struct inferior *inferior, const struct way *way);

/* Sets one thread going as it went before, after an event that nobody is told of. */
int go_on(struct inferior *inferior, pid_t tid);

#endif
