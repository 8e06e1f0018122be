/* SPDX-License-Identifier: Apache-2.0
 * Seccomp filters of a stopped thread: what they would say of a system call. */
#ifndef TIEXEC_SECCOMP_H
#define TIEXEC_SECCOMP_H

#include "ptrace/inferior.h"

/* Asks all filters of the thread about a remote system call. 0, and *action is the strongest of
 * their answers, SECCOMP_RET_ACTION_FULL; SECCOMP_RET_ALLOW if there is no filter, and
 * SECCOMP_RET_KILL_THREAD in the strict mode, whatever the call is. Or -errno: the filters cannot
 * be read. -EACCES: this process lacks CAP_SYS_ADMIN in the first user namespace, or has filters
 * itself; -EIO: the kernel is without CONFIG_CHECKPOINT_RESTORE; -EMEDIUMTYPE: a filter is no
 * classic BPF. */
int seccomp_ask(struct inferior *inferior, struct tracee *thread, long number,
                const uint64_t args[6], uint32_t *action);

#endif
