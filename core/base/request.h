/* SPDX-License-Identifier: Apache-2.0
 * Requests of ptrace(2), for a thread that this process traces. A request that fails is made once
 * more, whatever the reason: if it failed only for a moment, a thread that was given up for it
 * might stay stopped for good. Functions return 0 or -errno. */
#ifndef TIEXEC_REQUEST_H
#define TIEXEC_REQUEST_H

#include <sys/types.h>
#include <sys/uio.h>

/* Makes a request as the kernel takes it, which is not always as glibc does: PTRACE_PEEKUSER writes
 * the word to `data`. */
int request_make(int request, pid_t tid, void *address, void *data);

/* Reads or writes a set of registers, by its number among the notes of core files. */
int request_regset(int request, pid_t tid, int note, struct iovec *set);

#endif
