/* SPDX-License-Identifier: Apache-2.0
 * Waiting for what happens next, to one inferior or to several. Timeouts are in milliseconds; a
 * negative one means to wait for ever. */
#ifndef TIEXEC_WAIT_H
#define TIEXEC_WAIT_H

#include "ptrace/event.h"

/* Waits for the next event; those that were taken in meanwhile, as by inferior_stop, come first.
 * Only the thread of the event is stopped by it, and becomes the selected one. New threads are
 * taken in and run on. Returns 0 or -errno: -ETIMEDOUT; -ECHILD: all threads are stopped, so that
 * nothing will happen; -ESRCH: the process has ended and its end was told; -EINTR: this process is
 * about to end (base/ending.h). */
int inferior_wait(struct inferior *inferior, int timeout, struct event *event);

/* The same; but -EAGAIN: before any event there is something to read from `fd`, or its other end is
 * closed. */
int inferior_wait_or(struct inferior *inferior, int timeout, int fd, struct event *event);

/* Several inferiors, none of them let go. */
struct wait_list {
    struct inferior *const *list;
    size_t count;
    int fd; /* as for inferior_wait_or; negative: none */
};

/* The same for several: *which is the one to which the event has happened, set even on failure if
 * that is known. What happens to inferiors that are not in the list waits.
 *
 * A process that was forked by one of them, and that none has told of since its parent was killed,
 * is let go. Of inferiors with `passes_signals` no signals, job control stops and ends of single
 * threads are told: the thread goes on at once. */
int inferior_wait_any(const struct wait_list *these, int timeout, struct inferior **which,
                      struct event *event);

/* Waits until one more thread stops or ends, and leaves it so, whatever the reason. Returns as
 * event_take, or -errno as inferior_wait; event->tid is the thread's id in any case. */
int inferior_wait_stop(struct inferior *inferior, int timeout, struct event *event);

#endif
