/* SPDX-License-Identifier: Apache-2.0
 * Taking hold of a process that runs, or that has just been born. */
#ifndef TIEXEC_ATTACH_H
#define TIEXEC_ATTACH_H

#include "ptrace/inferior.h"

/* Seizes all threads of a running process and stops them as inferior_stop does. -ETIMEDOUT: it went
 * no further for `timeout` ms, or was not done after ten times as long. The process outlives this
 * one (no PTRACE_O_EXITKILL). Threads of the kernel's within the process are left alone.
 *
 * 0 or -errno; -EPERM: it may not be traced, or is already; -EINVAL: `pid` is a thread, and not the
 * first one, of another process; -ESRCH: there is none, or it has ended. On failure it runs as
 * before. */
int inferior_attach(struct inferior *inferior, pid_t pid, int timeout);

/* Starts keeping the process `pid` of an EVENT_FORK or EVENT_VFORK of `parent`. It is stopped,
 * before it returns from fork. 0 or -errno; -ESRCH: it has ended; -ETIMEDOUT: it does not get
 * there. On any failure it is let go, when it stops. */
int inferior_adopt(const struct inferior *parent, pid_t pid, struct inferior *child);

#endif
