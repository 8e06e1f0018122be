/* SPDX-License-Identifier: Apache-2.0
 * Starting a program under trace, in two ways.
 *
 * With launch_split this very process becomes the program, and a detached process traces it. So the
 * program keeps the pid, parent, session and all else that this process was given. With
 * launch_child the program is a child of this process, which traces it, as a script wants it. */
#ifndef TIEXEC_LAUNCH_H
#define TIEXEC_LAUNCH_H

#include "ptrace/inferior.h"

enum launch_side { LAUNCH_TARGET, LAUNCH_TRACER };

/* Splits this process in two, as fork does. With *side LAUNCH_TARGET the caller is the process that
 * was there before, and shall exec. With LAUNCH_TRACER the caller is the new process, which has
 * seized the other one; *inferior is the other one, to be ended with inferior_free. If the tracer
 * ends without having let it go, the kernel kills it, but not before its exec: it execs untraced.
 *
 * Returns 0; or -errno, on the target's side only, when there is no tracer: -EPERM: ptrace was
 * refused; -ETIMEDOUT: the tracer has not answered within `timeout` milliseconds.
 *
 * The target's side gets no SIGCHLD and has no new child. The tracer's side has a session of its
 * own, blocks all signals, and of the open files keeps standard error and the descriptor `keep`
 * (-1: none). */
int launch_split(int timeout, int keep, enum launch_side *side, struct inferior *inferior);

/* Starts `path` as a child, which is stopped at EVENT_EXEC; `argv` ends with NULL. Returns 0, and
 * the caller ends *inferior with inferior_free; or -errno, that of execve included. */
int launch_child(const char *path, char *const argv[], struct inferior *inferior);

#endif
