/* SPDX-License-Identifier: Apache-2.0
 * AArch64 debug registers: pairs of value and control registers, for instructions and for data. */
#include "arch.h"

#include "base/request.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* What a control register gets: it is enabled (bit 0), in user mode (bits 1 and 2), for loads and
 * stores (bits 3 and 4; neither: for execution), and for some of the eight bytes at the address
 * (bits 5 to 12; of an instruction: all four). */
enum { ENABLED = 1 | 2 << 1, LOAD = 1 << 3, STORE = 1 << 4, BYTES = 5 };

/* Changes one pair. The kernel takes all pairs up to the one that is changed, and reserves a pair
 * of the CPU when it is changed for the first time. */
static int change(pid_t tid, unsigned slot, uint64_t address, uint32_t control)
{
    struct user_hwdebug_state state;
    struct iovec iov = {&state, sizeof state};
    bool is_data = slot >= ARCH_DEBUG_SLOTS / 2;
    unsigned pair = slot % (ARCH_DEBUG_SLOTS / 2);
    int note = is_data ? NT_ARM_HW_WATCH : NT_ARM_HW_BREAK;
    int err = request_regset(PTRACE_GETREGSET, tid, note, &iov);
    if (err)
        return err;
    if (pair >= (state.dbg_info & 0xff))
        return -ENOSPC;
    state.dbg_regs[pair].addr = address;
    state.dbg_regs[pair].ctrl = control;
    iov.iov_len = offsetof(struct user_hwdebug_state, dbg_regs) +
                  (pair + 1) * sizeof state.dbg_regs[0];
    return request_regset(PTRACE_SETREGSET, tid, note, &iov);
}

int arch_debug_set(pid_t tid, unsigned slot, enum arch_debug_kind kind, uint64_t address,
                   unsigned size)
{
    static const uint32_t kinds[] = {0, STORE, LOAD, LOAD | STORE};
    uint32_t within = (uint32_t)(address % 8), bytes = 0xf;
    if (kind != ARCH_DEBUG_EXECUTE) {
        if (within + size > 8)
            return -EINVAL;
        bytes = ((1u << size) - 1) << within;
        address -= within;
    }
    return change(tid, slot, address, ENABLED | kinds[kind] | bytes << BYTES);
}

int arch_debug_clear(pid_t tid, unsigned slot)
{
    int err = change(tid, slot, 0, 0);
    return err == -ENOSPC ? 0 : err; /* what the CPU does not have is clear */
}

/* A step over a system call is told of as a SIGTRAP that nobody has sent. */
static bool is_of_call(const siginfo_t *info)
{
    return info->si_code == SI_USER && info->si_pid == 0 && info->si_uid == 0;
}

bool arch_trap_is_kernels(const siginfo_t *info, bool stepped)
{
    return info->si_code > 0 || (stepped && is_of_call(info));
}

/* A step into a signal handler is told of by SIGTRAP in place of a code (ptrace_notify in the
 * kernel). */
int arch_trap_read(pid_t tid, const siginfo_t *info, bool stepped, bool watched,
                   struct arch_trap *trap)
{
    (void)tid, (void)watched;
    *trap = (struct arch_trap){ARCH_TRAP_OTHER, 0, 0};
    if (info->si_code == TRAP_BRKPT)
        trap->cause = ARCH_TRAP_INSTRUCTION;
    else if (info->si_code == TRAP_HWBKPT)
        trap->cause = ARCH_TRAP_DEBUG;
    else if (stepped &&
             (info->si_code == TRAP_TRACE || info->si_code == SIGTRAP || is_of_call(info)))
        trap->cause = ARCH_TRAP_STEP;
    if (trap->cause == ARCH_TRAP_DEBUG)
        trap->address = arch_address((uint64_t)(uintptr_t)info->si_addr);
    return 0;
}
