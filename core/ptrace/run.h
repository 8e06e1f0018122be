/* SPDX-License-Identifier: Apache-2.0
 * Setting threads going: resuming, letting go, killing. */
#ifndef TIEXEC_RUN_H
#define TIEXEC_RUN_H

#include "ptrace/inferior.h"

/* Resumes every stopped thread. `how` is meant for the selected one, the others run freely. A
 * thread that is gone is no error: wait tells of it. -ESRCH: there are no threads. */
int inferior_resume(struct inferior *inferior, enum tracee_resume how);

/* Removes breakpoints and lets all threads go, as they are. Threads that run are stopped for it; it
 * waits for those that cannot be stopped yet. 0 or -errno. -ESRCH: the process has ended. */
int inferior_detach(struct inferior *inferior);

/* Sends SIGKILL. The end is reported by wait. -ESRCH: it has ended before. */
int inferior_kill(struct inferior *inferior);

#endif
