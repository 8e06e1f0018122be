/* SPDX-License-Identifier: Apache-2.0
 * Remote system calls: a stopped thread is made to execute one, and is put back as it was.
 *
 * It is done on a system call instruction that the process already has (in the vdso, else in any
 * text), so no text is written and no signal is forced. */
#ifndef TIEXEC_REMOTE_H
#define TIEXEC_REMOTE_H

#include "ptrace/inferior.h"

/* The number of the system call `name` on this CPU, or -1. */
long remote_syscall_number(const char *name);

/* Runs one system call in the stopped `thread`. *result is what the kernel returned, -errno
 * included. Signals wait meanwhile; one that cannot (SIGSTOP) is given back on resume.
 * Returns 0, or -errno when the call could not be run: -ESRCH the process is gone, -ENOEXEC it runs
 * 32-bit code, -ENOENT it has no system call instruction, -EPERM a seccomp filter trapped the call.
 * In all cases but -ESRCH the registers and the signal mask are what they were; where that cannot
 * be brought about the process is killed. */
int remote_syscall(struct inferior *inferior, struct tracee *thread, long number,
                   const uint64_t args[6], int64_t *result);

/* Sets the registers of the stopped `thread` so that the call is what it executes when it goes on. For calls that
 * do not return. 0 or -errno, as above. */
int remote_prepare(struct inferior *inferior, const struct tracee *thread, long number, const uint64_t args[6]);

#endif
