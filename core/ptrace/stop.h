/* SPDX-License-Identifier: Apache-2.0
 * Stopping threads in mid-run, so that the program notices nothing of it. */
#ifndef TIEXEC_STOP_H
#define TIEXEC_STOP_H

#include "ptrace/inferior.h"

/* Stops every thread where it is in the midst of nothing: signals that come first are delivered,
 * and interrupted system calls go on when the thread is let go. All else that happens meanwhile is
 * kept, and told by the next waits (pending.h); but a vfork child that is followed is let go. The
 * selected thread leaves a restartable sequence, as if preempted. Returns 0 or -errno: -ESRCH: no
 * thread is left; -ETIMEDOUT: none of those that still run has stopped for `timeout` ms (one may
 * wait for a vfork child), or not all after ten times as long; the others are stopped. Another
 * error: the kernel refuses to stop one of them, which nobody waits for.
 *
 * Of an inferior with `keeps_signals` signals are kept, too, and not delivered before they are
 * told. A thread that is stopped by one must make no remote call: it would lose the siginfo. */
int inferior_stop(struct inferior *inferior, int timeout);

/* Waits until one more thread has stopped, at a stop at which it can stay or be let go exactly as
 * it is; or has ended. `timeout` in milliseconds, negative: for ever. 0 or -errno as
 * inferior_wait. */
int inferior_settle_next(struct inferior *inferior, int timeout);

/* Makes a stopped thread the selected one, outside of any restartable sequence. -ESRCH: it is not
 * stopped. */
int inferior_select(struct inferior *inferior, pid_t tid);

#endif
