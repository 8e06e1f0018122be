/* SPDX-License-Identifier: Apache-2.0
 * Splitting off the tracer before the C library, as launch_split does later (ptrace/launch.h):
 * while CMD is exec'd the tracer's C library and Lua start, and there is hardly any memory yet that
 * would have to be copied. */
#ifndef TIEXEC_SPLIT_H
#define TIEXEC_SPLIT_H

#include <sys/stat.h>

enum split_side {
    SPLIT_NONE,   /* there is no tracer, and nothing has been changed */
    SPLIT_TARGET, /* this process was there before, is traced, and shall exec */
    SPLIT_TRACER, /* this is the new process, which has seized the other one */
};

/* Waits for a tracer for `timeout` milliseconds at most. What is said of the sides in
 * ptrace/launch.h holds here, too. *tracee is the target's id, on the tracer's side. */
enum split_side split_off(int timeout, int *tracee);

/* Makes a process that will watch this one without tracing it (SPLIT_TRACER in that process, whose
 * *target is this one's id). Waits for nothing. In the new process the function returns once this
 * one has exec'd, or ended. That process has none of this one's files, and blocks all signals;
 * *error is what this one had as standard error. */
enum split_side split_watcher(int *target, struct stat *error);

#endif
