/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/trap.h"

#include "ptrace/breakpoint.h"
#include "ptrace/debug.h"
#include "ptrace/step.h"
#include "ptrace/traps.h"

/* The program's own signal, which it gets when it goes on. */
static int tell_signal(struct tracee *thread, struct event *event)
{
    thread->signal = SIGTRAP;
    event->reason = EVENT_SIGNAL;
    event->number = SIGTRAP;
    return 1;
}

/* A thread has arrived at an address. It goes past what is there when it goes on, whether it is
 * told of or not. */
static int arrive(struct inferior *inferior, struct tracee *thread, uint64_t address,
                  struct event *event)
{
    thread->passes = true;
    thread->passing = address;
    if (!breakpoint_stops(inferior, address, thread->tid))
        return 0;
    event->reason = EVENT_BREAKPOINT;
    event->address = address;
    return 1;
}

/* A trap instruction: of a breakpoint, be it gone by now, or of the program's own. */
static int take_instruction(struct inferior *inferior, struct tracee *thread,
                            struct arch_regs *regs, struct event *event)
{
    uint64_t address = arch_pc(regs) - ARCH_TRAP_PC_ADVANCE;
    if (thread->own_trap || !traps_find(inferior, address)) {
        thread->own_trap = false;
        return tell_signal(thread, event);
    }
    arch_set_pc(regs, address);
    int err = arch_regs_set(thread->tid, regs);
    return err ? err : arrive(inferior, thread, address, event);
}

static int take_watch(struct inferior *inferior, struct tracee *thread,
                      const struct arch_trap *trap, struct event *event)
{
    int told = watchpoint_take(inferior, thread, trap, &event->touch);
    if (told == 1)
        event->reason = EVENT_WATCHPOINT;
    return told;
}

/* A debug register. If none is to stop the thread there, it has one that was given back while it
 * ran. */
static int take_debug(struct inferior *inferior, struct tracee *thread,
                      const struct arch_regs *regs, const struct arch_trap *trap,
                      struct event *event)
{
    int told = take_watch(inferior, thread, trap, event);
    if (told || debug_find(inferior, arch_pc(regs)) < 0)
        return told;
    return arrive(inferior, thread, arch_pc(regs), event);
}

/* A step may have touched what is watched, or may have led to a breakpoint. */
static int take_step(struct inferior *inferior, struct tracee *thread,
                     const struct arch_regs *regs, const struct arch_trap *trap,
                     struct event *event)
{
    int told = trap->slots ? take_watch(inferior, thread, trap, event) : 0;
    event->stepped = true;
    if (!told)
        told = arrive(inferior, thread, arch_pc(regs), event);
    if (!told)
        thread->passes = false;
    if (!told)
        event->reason = EVENT_STEP;
    return told < 0 ? told : 1;
}

int trap_take(struct inferior *inferior, struct tracee *thread, struct event *event)
{
    siginfo_t info;
    struct arch_regs regs;
    struct arch_trap trap;
    bool stepped = thread->how == RESUME_STEP;
    int err = tracee_siginfo(thread, &info);
    if (err)
        return err;
    if (info.si_code <= 0 && !stepped)
        return tell_signal(thread, event);
    if (thread->touched) { /* pass.c has seen it, and the instruction is executed */
        trap = (struct arch_trap){ARCH_TRAP_DEBUG, 0, thread->touched};
    } else {
        err = arch_trap_read(thread->tid, &info, stepped, debug_watches(inferior), &trap);
    }
    if (!err && trap.cause == ARCH_TRAP_OTHER)
        return tell_signal(thread, event);
    if (!err)
        err = arch_regs_get(thread->tid, &regs);
    if (err)
        return err;
    if (thread->mends_flags)
        step_mend_flags(inferior, thread);
    thread->mends_flags = false;
    if (trap.cause == ARCH_TRAP_INSTRUCTION)
        return take_instruction(inferior, thread, &regs, event);
    if (trap.cause == ARCH_TRAP_DEBUG)
        return take_debug(inferior, thread, &regs, &trap, event);
    return take_step(inferior, thread, &regs, &trap, event);
}
