/* SPDX-License-Identifier: Apache-2.0
 * AArch64 hardware breakpoints: pairs of value and control registers. */
#include "arch.h"

#include "base/request.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* What the control register DBGBCR gets: the breakpoint is enabled, in user mode, for the execution
 * of all four bytes of the instruction. */
enum { ENABLED = 1 | 2 << 1 | 0xf << 5 };

/* Changes one pair. The kernel takes all pairs up to the one that is changed, and reserves a pair
 * of the CPU when it is changed for the first time. */
static int change(pid_t tid, unsigned slot, uint64_t address, uint32_t control)
{
    struct user_hwdebug_state state;
    struct iovec iov = {&state, sizeof state};
    int err = request_regset(PTRACE_GETREGSET, tid, NT_ARM_HW_BREAK, &iov);
    if (err)
        return err;
    if (slot >= (state.dbg_info & 0xff))
        return -ENOSPC;
    state.dbg_regs[slot].addr = address;
    state.dbg_regs[slot].ctrl = control;
    iov.iov_len = offsetof(struct user_hwdebug_state, dbg_regs) +
                  (slot + 1) * sizeof state.dbg_regs[0];
    return request_regset(PTRACE_SETREGSET, tid, NT_ARM_HW_BREAK, &iov);
}

int arch_breakpoint_set(pid_t tid, unsigned slot, uint64_t address)
{
    return change(tid, slot, address, ENABLED);
}

int arch_breakpoint_clear(pid_t tid, unsigned slot)
{
    return change(tid, slot, 0, 0);
}
