/* SPDX-License-Identifier: Apache-2.0
 * x86-64 hardware breakpoints: debug registers DR0-DR3 hold addresses, DR7 enables them. */
#include "arch.h"

#include "base/request.h"

#include <sys/ptrace.h>

#define DEBUG_REGISTER(n) (offsetof(struct user, u_debugreg) + (n) * sizeof(uint64_t))

/* DR7 has two bits per slot from bit 0 on, which enable it (local and global), and four bits per
 * slot from bit 16 on for its kind and length. Kind 0 with length 0 watches the execution of an
 * instruction. */
static uint64_t enable_bit(unsigned slot) { return UINT64_C(1) << (2 * slot); }
static uint64_t slot_bits(unsigned slot)
{
    return UINT64_C(3) << (2 * slot) | UINT64_C(15) << (16 + 4 * slot);
}

static int peek(pid_t tid, unsigned reg, uint64_t *value)
{
    return request_make(PTRACE_PEEKUSER, tid, (void *)DEBUG_REGISTER(reg), value);
}

static int poke(pid_t tid, unsigned reg, uint64_t value)
{
    return request_make(PTRACE_POKEUSER, tid, (void *)DEBUG_REGISTER(reg), (void *)value);
}

int arch_breakpoint_set(pid_t tid, unsigned slot, uint64_t address)
{
    uint64_t control = 0;
    int err = peek(tid, 7, &control);
    if (!err)
        err = poke(tid, slot, address);
    if (!err)
        err = poke(tid, 7, (control & ~slot_bits(slot)) | enable_bit(slot));
    return err;
}

int arch_breakpoint_clear(pid_t tid, unsigned slot)
{
    uint64_t control = 0;
    int err = peek(tid, 7, &control);
    if (!err)
        err = poke(tid, 7, control & ~slot_bits(slot));
    if (!err)
        err = poke(tid, slot, 0);
    return err;
}
