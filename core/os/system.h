/* SPDX-License-Identifier: Apache-2.0
 * Small services of the operating system that Lua does not have. */
#ifndef TIEXEC_SYSTEM_H
#define TIEXEC_SYSTEM_H

#include <stddef.h>

/* Opens /dev/null, close-on-exec, in place of standard files that the caller had closed, so that no
 * file of ours lands on their numbers. exec closes them again. */
void system_reserve_standard_files(void);

/* Keeps of what was open only standard error and two files, or -1: the rest is closed, standard input
 * and output are /dev/null. A pipe whose last writer another process is must end when that does. */
void system_leave_files(int one, int other);

/* Why execve would give `path` other rights than the caller's: "setuid", "setgid", "capabilities",
 * or NULL. Set-id bits that are the caller's own ids count for nothing. */
const char *system_privilege_of(const char *path);

/* Calls `run` in a forked child and gives its wait status, and what it has written to the file that it
 * was given: *text is malloc'd and ends with a NUL that *size does not count. The child is killed
 * after `timeout` ms. Returns 0 or -errno; -ETIMEDOUT. */
int system_trial(int (*run)(void *context, int out), void *context, int timeout, int *status,
                 char **text, size_t *size);

/* Seconds of a clock that never goes back. */
double system_now(void);

#endif
