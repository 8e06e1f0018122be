/* SPDX-License-Identifier: Apache-2.0
 * Setting threads going: resuming, letting go, killing. */
#ifndef TIEXEC_RUN_H
#define TIEXEC_RUN_H

#include "ptrace/inferior.h"

/* Resumes every stopped thread. `how` is meant for the selected one, the others run freely. A
 * thread that is gone is no error: wait tells of it. -ESRCH: there are no threads. */
int inferior_resume(struct inferior *inferior, enum tracee_resume how);

/* Removes breakpoints and lets all threads go, as they are. Threads that run are stopped for it. A
 * thread that does not stop (it waits for a vfork child, or is frozen) is let go when it does; that
 * is waited for, however long, where the end of this process would be its own (inferior_exit_kill)
 * or where it is in the midst of a remote call. 0 or -errno. -ESRCH: the process has ended. Another
 * error: some thread may stay stopped until this process ends. */
int inferior_detach(struct inferior *inferior);

/* The same, where threads are given `timeout` milliseconds to stop. */
int inferior_detach_within(struct inferior *inferior, int timeout);

/* Sends SIGKILL. The end is reported by wait. -ESRCH: it has ended before, and whatever process may
 * have its id now is left alone. */
int inferior_kill(struct inferior *inferior);

#endif
