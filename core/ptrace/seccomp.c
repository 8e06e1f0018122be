/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/seccomp.h"

#include "base/bpf.h"
#include "proc/process.h"
#include "ptrace/remote.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c /* Linux 4.4 */
#endif

/* Reads a filter of the thread, 0 being the newest. Returns how many instructions it has, or
 * -errno; -ENOENT: the thread has no more filters. */
static long read_filter(const struct tracee *thread, unsigned long index,
                        struct sock_filter program[BPF_MAXINSNS])
{
    long count = ptrace(PTRACE_SECCOMP_GET_FILTER, thread->tid, index, NULL);
    if (count > BPF_MAXINSNS)
        return -E2BIG;
    if (count > 0)
        count = ptrace(PTRACE_SECCOMP_GET_FILTER, thread->tid, index, program);
    return count < 0 ? -errno : count;
}

/* Judges a thread that has no filters: it may make all calls, or in the strict mode only four, none
 * of which is asked about. */
static int judge_unfiltered(const struct tracee *thread, uint32_t *action)
{
    uint64_t mode;
    int err = process_status(thread->tid, "Seccomp", 10, &mode);
    if (!err)
        *action = mode == SECCOMP_MODE_DISABLED ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_THREAD;
    return err;
}

/* The kernel takes the least of the answers of all filters, as signed numbers. */
static bool is_stronger(uint32_t one, uint32_t other)
{
    return (int32_t)(one & SECCOMP_RET_ACTION_FULL) < (int32_t)(other & SECCOMP_RET_ACTION_FULL);
}

int seccomp_ask(struct inferior *inferior, struct tracee *thread, long number,
                const uint64_t args[6], uint32_t *action)
{
    struct sock_filter program[BPF_MAXINSNS];
    struct seccomp_data call = {.nr = (int)number, .arch = ARCH_AUDIT};
    uint64_t insn;
    uint32_t answer = SECCOMP_RET_ALLOW;
    int err = remote_instruction(inferior, &insn);
    if (err)
        return err;
    call.instruction_pointer = insn + sizeof arch_syscall_insn;
    memcpy(call.args, args, sizeof call.args);
    for (unsigned long index = 0;; index++) {
        long count = read_filter(thread, index, program);
        uint32_t said;
        if (count == -ENOENT)
            break;
        if (count == -EINVAL && index == 0)
            return judge_unfiltered(thread, action);
        err = count < 0 ? (int)count : bpf_run(program, (size_t)count, &call, &said);
        if (err)
            return err;
        if (is_stronger(said, answer))
            answer = said;
    }
    *action = answer & SECCOMP_RET_ACTION_FULL;
    return 0;
}
