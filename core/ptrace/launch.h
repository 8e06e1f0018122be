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

/* Takes over the process `target`, for which this process was split off before (front/split.h), as
 * launch_split's tracer. Returns 0 or -errno. */
int launch_take(pid_t target, struct inferior *inferior);

/* What a child is given before it becomes the program. It begins as {.files = {-1, -1, -1}}. */
struct launch_options {
    char *const *environment;     /* ends with NULL; NULL: this process's own */
    const char *folder;           /* that it is in; NULL: this process's own */
    int files[3];                 /* its standard files; negative: this process's own */
    bool fixed_addresses;         /* its address space is not randomized */
    int (*become)(void *context); /* makes it another user's; 0 or -errno. NULL: it stays */
    void *context;
};

/* The steps of a child on its way, at which it may fail. */
enum launch_step { LAUNCH_EXEC, LAUNCH_FILES, LAUNCH_ADDRESSES, LAUNCH_USER, LAUNCH_FOLDER };

/* Starts `path` as a child, which is stopped at EVENT_EXEC; `argv` ends with NULL. Returns 0, and
 * the caller ends *inferior with inferior_free; or -errno, that of execve included, and *step is
 * where that was. */
int launch_child(const char *path, char *const argv[], const struct launch_options *options,
                 struct inferior *inferior, enum launch_step *step);

#endif
