/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/trap.h"

#include "ptrace/breakpoint.h"
#include "ptrace/debug.h"
#include "ptrace/step.h"
#include "ptrace/traps.h"

/* The program's own signal. */
static int tell_signal(struct tracee *thread, struct trap_news *news)
{
    thread->own_trap = false;
    thread->signal = SIGTRAP;
    news->kind = TRAP_SIGNAL;
    return 0;
}

/* A thread has arrived at an address. It goes past what is there when it goes on, whether it is
 * told of or not. */
static int arrive(struct inferior *inferior, struct tracee *thread, uint64_t address,
                  struct trap_news *news)
{
    thread->passes = true;
    thread->passing = address;
    if (!breakpoint_stops(inferior, address, thread->tid))
        return 0;
    news->kind = TRAP_BREAKPOINT;
    news->address = address;
    return 0;
}

/* A trap instruction: of a breakpoint, be it gone by now, or of the program's own. */
static int take_instruction(struct inferior *inferior, struct tracee *thread,
                            struct arch_regs *regs, struct trap_news *news)
{
    uint64_t address = arch_pc(regs) - ARCH_TRAP_PC_ADVANCE;
    if (thread->own_trap || !traps_find(inferior, address))
        return tell_signal(thread, news);
    arch_set_pc(regs, address);
    int err = arch_regs_set(thread->tid, regs);
    return err ? err : arrive(inferior, thread, address, news);
}

static int take_watch(struct inferior *inferior, struct tracee *thread,
                      const struct arch_trap *trap, struct trap_news *news)
{
    int told = watchpoint_take(inferior, thread, trap, &news->touch);
    if (told == 1)
        news->kind = TRAP_WATCHPOINT;
    return told < 0 ? told : 0;
}

/* A debug register. If none is to stop the thread there, it has one that was given back while it
 * ran. */
static int take_debug(struct inferior *inferior, struct tracee *thread,
                      const struct arch_regs *regs, const struct arch_trap *trap,
                      struct trap_news *news)
{
    int err = take_watch(inferior, thread, trap, news);
    if (err || news->kind != TRAP_NOBODYS || debug_find(inferior, arch_pc(regs)) < 0)
        return err;
    return arrive(inferior, thread, arch_pc(regs), news);
}

/* A step may have touched what is watched, or may have led to a breakpoint. */
static int take_step(struct inferior *inferior, struct tracee *thread,
                     const struct arch_regs *regs, const struct arch_trap *trap,
                     struct trap_news *news)
{
    int err = trap->slots ? take_watch(inferior, thread, trap, news) : 0;
    news->stepped = true;
    if (err || news->kind != TRAP_NOBODYS)
        return err;
    arrive(inferior, thread, arch_pc(regs), news);
    if (news->kind == TRAP_BREAKPOINT)
        return 0;
    thread->passes = false;
    news->kind = TRAP_STEPPED;
    return 0;
}

/* Reads what the trap is. Where pass.c has seen it, its instruction is executed by now. */
static int read_trap(const struct inferior *inferior, const struct tracee *thread,
                     const siginfo_t *info, struct arch_trap *trap)
{
    bool stepped = thread->how == RESUME_STEP;
    *trap = (struct arch_trap){ARCH_TRAP_DEBUG, 0, thread->touched};
    if (thread->touched)
        return 0;
    return arch_trap_read(thread->tid, info, stepped, debug_watches(inferior), trap);
}

int trap_take(struct inferior *inferior, struct tracee *thread, struct trap_news *news)
{
    siginfo_t info;
    struct arch_regs regs;
    struct arch_trap trap;
    *news = (struct trap_news){.kind = TRAP_NOBODYS};
    int err = tracee_siginfo(thread, &info);
    if (!err)
        err = read_trap(inferior, thread, &info, &trap);
    if (!err && trap.cause == ARCH_TRAP_OTHER)
        return tell_signal(thread, news);
    if (!err)
        err = arch_regs_get(thread->tid, &regs);
    if (err)
        return err;
    if (thread->mends_flags)
        step_mend_flags(inferior, thread);
    thread->mends_flags = false;
    if (trap.cause == ARCH_TRAP_INSTRUCTION)
        return take_instruction(inferior, thread, &regs, news);
    if (trap.cause == ARCH_TRAP_DEBUG)
        return take_debug(inferior, thread, &regs, &trap, news);
    return take_step(inferior, thread, &regs, &trap, news);
}
