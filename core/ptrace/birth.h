/* SPDX-License-Identifier: Apache-2.0
 * Processes that an inferior starts, and the breakpoints that these find in their memory. */
#ifndef TIEXEC_BIRTH_H
#define TIEXEC_BIRTH_H

#include "ptrace/inferior.h"

/* Takes in a new thread, whose first stop is yet to be taken in. Pointers into the table of threads
 * are no longer valid. 0 or -errno. */
int birth_take_thread(struct inferior *inferior, pid_t tid);

/* Lets a new process go, without any breakpoint. `shares`: it is a vfork child, which has its
 * parent's memory; software breakpoints are out of that until birth_done, for all threads. */
void birth_let_go(struct inferior *parent, struct tracee *thread, pid_t pid, bool shares);

/* A vfork child of the thread has become another program, or has ended; or the thread has. */
void birth_done(struct inferior *parent, struct tracee *thread);

/* Gives a new process that is adopted its parent's breakpoints. 0 or -errno; then birth_give_up is
 * called for the process. */
int birth_adopt(const struct inferior *parent, struct inferior *child);

/* A new process cannot be adopted, and will be let go: without any breakpoint, too. */
void birth_give_up(const struct inferior *parent, pid_t pid);

/* An adopted vfork child is let go: as birth_let_go. */
void birth_leave(struct inferior *child);

#endif
