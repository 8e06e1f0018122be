/* SPDX-License-Identifier: Apache-2.0
 * Processes that are forked by a remote system call. Such a one is born in the midst of the call,
 * with its registers, and with all signals blocked. */
#ifndef TIEXEC_TWIN_H
#define TIEXEC_TWIN_H

#include "ptrace/call_state.h"

/* Puts a process that was just forked by a call where the calling thread was before it: at the
 * entry of a system call, or in an interrupted one, it is about to make that call. What it waited
 * for begins anew. The process is in no table. 0 or -errno; -ESRCH: it has ended. */
int twin_place(const struct call *call, pid_t pid);

#endif
