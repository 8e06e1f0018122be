/* SPDX-License-Identifier: Apache-2.0
 * Starting a program under trace, in two ways.
 *
 * launch_split: this very process becomes the program, and a detached helper process traces it. So
 * the program keeps the pid, parent, session and all else that this process was given.
 * launch_child: the program is a child of this process, which traces it. For scripts. */
#ifndef TIEXEC_LAUNCH_H
#define TIEXEC_LAUNCH_H

#include "ptrace/inferior.h"

/* What the tracer asks of every thread: it dies with the tracer (until let go), execs and new
 * threads are reported, system call stops are marked. */
unsigned launch_options(void);

enum launch_side { LAUNCH_TARGET, LAUNCH_TRACER };

/* Splits in two, as fork does. On LAUNCH_TRACER this process is the new tracer, which has seized the
 * other; *inferior is it. On LAUNCH_TARGET it is the one that was there before, and shall exec.
 *
 * Returns 0, or on the target's side only -errno: there is no tracer. -EPERM: ptrace was refused.
 * -ETIMEDOUT: no answer from it within `timeout` milliseconds.
 *
 * The target's side gets no SIGCHLD and keeps no child. The tracer's side has its own session,
 * blocks all signals, and of the open files has only standard error and `keep`, if not -1. */
int launch_split(int timeout, int keep, enum launch_side *side, struct inferior *inferior);

/* Starts `path` as a child, stopped at EVENT_EXEC. `argv` ends with NULL. */
int launch_child(const char *path, char *const argv[], struct inferior *inferior);

#endif
