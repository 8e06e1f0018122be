/* SPDX-License-Identifier: Apache-2.0
 * Events that have been taken in while nobody waited for one: they are told by the next waits, in
 * order. The thread of one stays stopped until it is told of, however its process is resumed. */
#ifndef TIEXEC_PENDING_H
#define TIEXEC_PENDING_H

#include "ptrace/event.h"

/* Keeps an event. 0 or -ENOMEM. */
int pending_add(struct inferior *inferior, const struct event *event);

/* Takes the oldest event out that still holds. An event does not hold any more when its thread is
 * gone or runs; nor if its breakpoint was removed: then *freed is the thread that it has stopped,
 * else 0. Returns whether there was one; not so if *freed is set. */
bool pending_take(struct inferior *inferior, struct event *event, pid_t *freed);

bool pending_has(const struct inferior *inferior);

/* Drops all events but those that a thread or the process has ended; and those too, where nobody is
 * to be told of it. Processes that are told of by none any more are let go. */
void pending_drop(struct inferior *inferior, bool ends);

/* Drops what tells of new processes, and lets those go: nobody follows them any more. */
void pending_drop_forks(struct inferior *inferior);

#endif
