/* SPDX-License-Identifier: Apache-2.0
 * Processes that an inferior starts, and the breakpoints that these find in their memory. */
#ifndef TIEXEC_BIRTH_H
#define TIEXEC_BIRTH_H

#include "ptrace/inferior.h"

/* Takes in a new thread, whose first stop is yet to be taken in. Pointers into the table of threads
 * are no longer valid. 0 or -errno. */
int birth_take_thread(struct inferior *inferior, pid_t tid);

/* Sees a new process, which has not run yet: it finds no breakpoint in its memory. `shares`: it is
 * a vfork child, which has its parent's memory; software breakpoints are out of that until
 * birth_done, for all threads. */
void birth_see(struct inferior *parent, struct tracee *thread, pid_t pid, bool shares);

/* A vfork child of the thread has become another program, or has ended; or the thread has. */
void birth_done(struct inferior *parent, struct tracee *thread);

/* Gives a new process that is adopted its parent's breakpoints. While it has its parent's memory
 * software breakpoints stay out of that. 0 or -errno. */
int birth_adopt(const struct inferior *parent, struct inferior *child);

/* Lets go of processes that threads have made and will not tell of, without breakpoints: another
 * thread execs. */
void birth_leave_untold(const struct inferior *inferior);

/* The same when the process has ended. `killed`: by SIGKILL, which may have found it in a fork.
 * Where children are followed they stay, for some may have been told of. */
void birth_leave_orphans(const struct inferior *inferior, bool killed);

#endif
