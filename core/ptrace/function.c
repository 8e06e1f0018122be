/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/function.h"

#include "ptrace/memory.h"

#include <asm/unistd.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Gives or takes the low 64 bits of a vector register. */
static int float_register(const struct tracee *thread, unsigned number, double *value, bool write)
{
    char name[16], bytes[ARCH_REGISTER_MAX];
    struct arch_register reg;
    snprintf(name, sizeof name, ARCH_FLOAT_REGISTER "%u", number);
    if (!register_find(name, &reg))
        return -ENODEV;
    int err = register_read(thread, &reg, NULL, bytes);
    if (err || !write) {
        memcpy(value, bytes, err ? 0 : sizeof *value);
        return err;
    }
    memcpy(bytes, value, sizeof *value);
    return register_write(thread, &reg, bytes);
}

int function_prepare(struct inferior *inferior, struct tracee *thread)
{
    struct call *call = thread->call;
    struct function *f = &call->function;
    struct arch_regs regs = call->regs;
    uint64_t return_to = inferior->syscall_insn;
    uint64_t below = arch_function_prepare(&regs, f->address, return_to, f->sp, f->integers);
    int err = below ? memory_write(inferior, f->sp - below, &return_to, sizeof return_to) : 0;
    for (unsigned i = 0; i < f->float_count && !err; i++)
        err = float_register(thread, i, &f->floats[i], true);
    return err ? err : arch_regs_set(thread->tid, &regs);
}

/* Has the kernel leave out the call at whose entry the thread is, and blocks signals. */
static int skip(struct tracee *thread, struct arch_regs *regs)
{
    arch_syscall_skip(regs);
    int err = arch_regs_set(thread->tid, regs);
    return err ? err : tracee_set_sigmask(thread, ~UINT64_C(0));
}

enum function_stop function_take_stop(const struct inferior *inferior, struct tracee *thread,
                                      int *err)
{
    struct call *call = thread->call;
    struct arch_regs regs;
    bool entry;
    int64_t number;
    uint64_t arguments[6];
    *err = tracee_syscall_info(thread, &entry, &number, arguments);
    if (!*err)
        *err = arch_regs_get(thread->tid, &regs);
    if (*err)
        return FUNCTION_GOES_ON;
    if (entry && number == __NR_rt_sigreturn)
        call->delivered = 0;
    call->took_restart |= !entry && number == ARCH_RESTART_BLOCK;
    bool returned = entry && arch_sp(&regs) == call->function.sp &&
                    arch_pc(&regs) == inferior->syscall_insn + sizeof arch_syscall_insn;
    if (returned) {
        call->end.result = arch_function_result(&regs);
        *err = float_register(thread, 0, &call->end.float_result, false);
    }
    if (*err || (!returned && !call->err))
        return FUNCTION_GOES_ON;
    if (!entry)
        return FUNCTION_IS_OVER;
    *err = skip(thread, &regs);
    return FUNCTION_SKIPS;
}

/* Tells whether the thread itself has raised the signal: by an instruction, or by abort(). */
static bool is_own(const struct tracee *thread, int signal)
{
    siginfo_t info;
    if (tracee_siginfo(thread, &info))
        return false;
    switch (signal) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGSYS:
        return info.si_code > 0;
    case SIGABRT:
        return info.si_code == SI_TKILL;
    default:
        return false;
    }
}

bool function_take_signal(struct tracee *thread, int signal)
{
    struct call *call = thread->call;
    struct arch_regs regs;
    if (!is_own(thread, signal)) {
        thread->signal = call->delivered = signal;
        return false;
    }
    if (!call->err)
        call->err = -EFAULT;
    call->end.signal = signal;
    if (arch_regs_get(thread->tid, &regs) == 0)
        call->end.pc = arch_pc(&regs);
    return true;
}
