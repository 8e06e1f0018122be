/* SPDX-License-Identifier: Apache-2.0
 * Collecting what the kernel tells of traced threads: nothing else in this program waits for them.
 *
 * The kernel withholds the end of a process's first thread, and an exec of any thread, until the
 * ends of all other threads have been collected. So nothing waits for one thread alone. Whoever
 * waits takes in the news of every traced task: that of a thread of any inferior is kept with the
 * thread (tracee_keep_status), and that of others goes to newborn.h.
 *
 * The caller's own untraced children are left alone. Deadlines are those of base/clock.h. Functions
 * return 0 or -errno. No thread is added to a table or removed from it. */
#ifndef TIEXEC_COLLECT_H
#define TIEXEC_COLLECT_H

#include "ptrace/inferior.h"

/* Says whether this process is nothing but a tracer, which has all signals blocked, SIGCHLD among
 * them, and no handler for it: so the news of traced tasks, for which the kernel sends SIGCHLD, can
 * be waited for by that. */
void collect_own_signals(bool owns);
bool collect_owns_signals(void);

/* Asks for the news of one thread: as waitpid(2) with WNOHANG, but for traced tasks alone. */
pid_t collect_look(pid_t tid, int *status);

/* The same, but it blocks until there are some, or until the next tick: a ticker must run, and the
 * caller then takes in the news of all. The kernel looks at this thread alone, and not at each one
 * that is traced. 0: a tick has come. */
pid_t collect_look_until_tick(pid_t tid, int *status);

/* Blocks until something was collected, of whatever thread. -ETIMEDOUT; -ECHILD: this process
 * traces nobody. */
int collect_some(int64_t deadline);

/* The same, but it ends too when there is something to read from `fd`, or its other end is closed:
 * -EAGAIN; and, with 0, when a signal has come. It sleeps meanwhile, whatever SIGCHLD is set to. */
int collect_some_or(int fd, int64_t deadline);

/* Collects what there is, and does not block. Returns how much that was, or -errno as above. */
int collect_now(void);

/* Blocks until `thread` has stopped or ended. *status is as waitpid(2) gives it. -ETIMEDOUT;
 * -ESRCH: it is gone without a word, as by the exec of another thread. */
int collect_wait(struct tracee *thread, int64_t deadline, int *status);

/* Resumes a stopped thread and blocks until it has stopped again. -ESRCH: it has ended, and its
 * status is kept for the next wait. -ETIMEDOUT: it runs. */
int collect_run_to_stop(struct tracee *thread, enum tracee_resume how, int64_t deadline,
                        int *status);

/* Lets go of a new task that is in no table, once it has stopped for the first time: that is soon,
 * and waited for. Does nothing if it ends first. */
void collect_let_go(pid_t tid);

/* Waits until all that is to be let go has been, but for what waits for an inferior: `timeout`
 * milliseconds at most. */
void collect_leavings(int timeout);

/* Lets go of what there is to let go, and tells whether there is more to come. A process that
 * sleeps elsewhere than here asks this now and then. */
bool collect_owes(void);

#endif
