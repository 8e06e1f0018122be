/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/rseq.h"

#include "ptrace/memory.h"

#include <sys/ptrace.h>

#define GET_RSEQ_CONFIGURATION 0x420f /* <linux/ptrace.h> of Linux 5.13 */
#define SEQUENCE_AT 8 /* in struct rseq of <linux/rseq.h>: the address of a struct rseq_cs, or 0 */

struct configuration {
    uint64_t address; /* of the thread's struct rseq; 0: none is registered */
    uint32_t size, signature, flags, pad;
};

struct sequence {
    uint32_t version, flags;
    uint64_t start, length, abort;
};

int rseq_leave(struct inferior *inferior, const struct tracee *thread)
{
    struct configuration rseq = {0};
    struct sequence sequence;
    struct arch_regs regs;
    uint64_t address = 0;
    long size = thread ? ptrace((enum __ptrace_request)GET_RSEQ_CONFIGURATION, thread->tid,
                                (void *)sizeof rseq, &rseq)
                       : -1;
    if (size < 0 || rseq.address == 0)
        return 0;
    if (memory_read(inferior, rseq.address + SEQUENCE_AT, &address, sizeof address) || address == 0)
        return 0;
    if (memory_read(inferior, address, &sequence, sizeof sequence))
        return 0;
    int err = arch_regs_get(thread->tid, &regs);
    if (err || arch_pc(&regs) - sequence.start >= sequence.length)
        return err;
    arch_set_pc(&regs, sequence.abort);
    return arch_regs_set(thread->tid, &regs);
}
