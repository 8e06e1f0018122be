/* SPDX-License-Identifier: Apache-2.0
 * Setting threads going: resuming, letting go, killing. */
#ifndef TIEXEC_RUN_H
#define TIEXEC_RUN_H

#include "ptrace/inferior.h"

/* How to resume. */
struct resume {
    enum tracee_resume how;
    pid_t thread; /* this one alone, the others stay as they are; 0: all */
    bool sets_signal;
    int signal; /* that the thread gets in place of the one that has stopped it; 0: none */
};

/* Resumes stopped threads. RESUME_STEP and the signal are meant for `thread`, or the selected one;
 * RESUME_SYSCALL for all. Threads of which an event is yet to be told stay stopped. A thread that
 * is gone is no error: wait tells of it. -ESRCH: there are no threads, or there is no such one;
 * -EBUSY: it runs. */
int inferior_resume_so(struct inferior *inferior, const struct resume *resume);

/* Resumes every stopped thread so. */
int inferior_resume(struct inferior *inferior, enum tracee_resume how);

/* Removes breakpoints and watchpoints and lets all threads go, as they are. Threads that run are
 * stopped for it. A thread that does not stop (it waits for a vfork child, or is frozen) is let go
 * when it does; that is waited for, however long, where the end of this process would be its own
 * (inferior_exit_kill), or where it is in the midst of a remote call, or has debug registers set;
 * but not where the kernel refuses to stop it.
 * 0 or -errno. -ESRCH: the process has ended; -EOPNOTSUPP: it cannot live without a tracer
 * (inferior_see_filters). Another error: some thread may stay stopped until this process ends. */
int inferior_detach(struct inferior *inferior);

/* The same, where threads are given `timeout` milliseconds to stop. */
int inferior_detach_within(struct inferior *inferior, int timeout);

/* Lets go of what is still traced, and kills it if it cannot live without a tracer. */
void inferior_let_go(struct inferior *inferior);

/* Lets everything go that this process has: it is about to end. */
void inferior_let_all_go(void);

/* Sends SIGKILL. The end is reported by wait. -ESRCH: it has ended before, and whatever process may
 * have its id now is left alone. */
int inferior_kill(struct inferior *inferior);

#endif
