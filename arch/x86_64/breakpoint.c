/* SPDX-License-Identifier: Apache-2.0
 * x86-64 debug registers: DR0-DR3 hold addresses, DR7 enables them, DR6 tells which has
 * triggered. */
#include "arch.h"

#include "base/request.h"

#include <sys/ptrace.h>

#define DEBUG_REGISTER(n) (offsetof(struct user, u_debugreg) + (n) * sizeof(uint64_t))
#define STATUS            6
#define CONTROL           7

/* DR7 has two bits per slot from bit 0 on, which enable it (local and global), and four bits per
 * slot from bit 16 on for its kind and length. */
static uint64_t enable_bit(unsigned slot) { return UINT64_C(1) << (2 * slot); }
static uint64_t slot_bits(unsigned slot)
{
    return UINT64_C(3) << (2 * slot) | UINT64_C(15) << (16 + 4 * slot);
}

/* Kind and length as DR7 has them; an instruction has no length. */
static uint64_t kind_bits(unsigned slot, enum arch_debug_kind kind, unsigned size)
{
    static const uint64_t kinds[] = {0, 1, 3, 3};
    uint64_t length = size == 8 ? 2 : size == 4 ? 3 : size == 2 ? 1 : 0;
    return (kinds[kind] | (kind == ARCH_DEBUG_EXECUTE ? 0 : length) << 2) << (16 + 4 * slot);
}

static int peek(pid_t tid, unsigned reg, uint64_t *value)
{
    return request_make(PTRACE_PEEKUSER, tid, (void *)DEBUG_REGISTER(reg), value);
}

static int poke(pid_t tid, unsigned reg, uint64_t value)
{
    return request_make(PTRACE_POKEUSER, tid, (void *)DEBUG_REGISTER(reg), (void *)value);
}

int arch_debug_set(pid_t tid, unsigned slot, enum arch_debug_kind kind, uint64_t address,
                   unsigned size)
{
    uint64_t before = 0, control;
    int err = peek(tid, CONTROL, &before);
    control = before & ~slot_bits(slot);
    /* The kernel compares the length, be it an old one, with the address. */
    if (!err && (kind != ARCH_DEBUG_EXECUTE || control != before))
        err = poke(tid, CONTROL, control);
    if (!err)
        err = poke(tid, slot, address);
    if (!err)
        err = poke(tid, CONTROL, control | enable_bit(slot) | kind_bits(slot, kind, size));
    return err;
}

int arch_debug_clear(pid_t tid, unsigned slot)
{
    uint64_t control = 0;
    int err = peek(tid, CONTROL, &control);
    if (!err)
        err = poke(tid, CONTROL, control & ~slot_bits(slot));
    if (!err)
        err = poke(tid, slot, 0);
    return err;
}

bool arch_trap_is_kernels(const siginfo_t *info, bool stepped)
{
    (void)stepped;
    return info->si_code > 0;
}

/* A step over a system call is told of as TRAP_BRKPT, one into a signal handler by SIGTRAP in place
 * of a code (ptrace_notify in the kernel). A step's SIGTRAP may also tell of data that
 * the instruction has touched. The kernel clears DR6 for each trap. */
int arch_trap_read(pid_t tid, const siginfo_t *info, bool stepped, bool watched,
                   struct arch_trap *trap)
{
    uint64_t status = 0;
    int err = 0;
    *trap = (struct arch_trap){ARCH_TRAP_OTHER, 0, 0};
    if (info->si_code == SI_KERNEL)
        trap->cause = ARCH_TRAP_INSTRUCTION;
    else if (info->si_code == TRAP_HWBKPT)
        trap->cause = ARCH_TRAP_DEBUG;
    else if (stepped && (info->si_code == TRAP_TRACE || info->si_code == TRAP_BRKPT ||
                         info->si_code == SIGTRAP))
        trap->cause = ARCH_TRAP_STEP;
    if (watched && (info->si_code == TRAP_TRACE || info->si_code == TRAP_HWBKPT))
        err = peek(tid, STATUS, &status);
    trap->slots = (uint32_t)(status & 15);
    return err;
}
