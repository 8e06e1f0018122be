/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/pass.h"

#include "ptrace/breakpoint.h"
#include "ptrace/debug.h"
#include "ptrace/hold.h"
#include "ptrace/memory.h"
#include "ptrace/step.h"
#include "ptrace/traps.h"
#include "ptrace/watchpoint.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

static bool has_any(const struct inferior *inferior)
{
    return inferior->trap_list.count || inferior->debug_version;
}

/* Tells whether the thread goes into a handler first: for a signal that has stopped it. That is
 * delivered from this very stop, or its siginfo is lost. SIGSTOP has no handler. */
static bool is_delivered(const struct tracee *thread)
{
    return thread->signal && !thread->injected && thread->signal != SIGSTOP;
}

/* Finds where a thread must pass: where it was told of; or at a system call that is made again
 * since a tracer has interrupted it. False: nowhere. */
static bool must_pass(const struct tracee *thread, const struct arch_regs *regs,
                      uint64_t *address)
{
    if (thread->passes && arch_pc(regs) == thread->passing) {
        *address = thread->passing;
        return true;
    }
    return thread->at_trap && arch_restarts_at(regs, address);
}

/* What stands where a thread must pass. */
struct place {
    uint64_t address;
    bool trap;      /* an instruction in the text */
    int slot;       /* a debug register; -1: none */
    bool own;       /* the program's own instruction there is a trap, too */
    enum arch_insn_kind kind;
};

static struct place place_at(struct inferior *inferior, uint64_t address)
{
    const struct trap *trap = traps_find(inferior, address);
    bool planted = trap && trap->planted;
    struct place place = {address, planted, debug_find(inferior, address), false,
                          ARCH_INSN_PLAIN};
    if (planted)
        place.own = memcmp(trap->original, arch_trap_insn, sizeof arch_trap_insn) == 0;
    if (planted || place.slot >= 0)
        place.kind = step_kind(inferior, address);
    return place;
}

/* Keeps a debug register from stopping the thread. */
static int disarm(const struct inferior *inferior, struct tracee *thread, struct arch_regs *regs,
                  const struct place *place)
{
    (void)inferior;
    if (place->slot < 0)
        return 0;
    if (arch_resume_flag(regs))
        return arch_regs_set(thread->tid, regs);
    thread->debug_version = 0; /* it gets all of them again */
    return arch_debug_clear(thread->tid, (unsigned)place->slot);
}

/* Executes the instruction, or goes on into its system call. */
static int execute(struct inferior *inferior, struct tracee *thread, const struct place *place,
                   int *status)
{
    if (place->kind == ARCH_INSN_SYSCALL)
        return step_into_call(inferior, thread, status);
    int err = step_one(inferior, thread, status);
    siginfo_t info;
    struct arch_trap trap;
    if (!ARCH_WATCH_STOPS_BEFORE || err || *status >> 8 != SIGTRAP || !debug_watches(inferior) ||
        tracee_siginfo(thread, &info) ||
        arch_trap_read(thread->tid, &info, true, true, &trap) || trap.cause != ARCH_TRAP_DEBUG)
        return err;
    thread->touched = trap.address; /* stopped before it: once more, unwatched */
    return watchpoint_step(inferior, thread, status);
}

/* Tells what comes after the instruction. Returns as pass_breakpoint. */
static int take(struct tracee *thread, const struct place *place, enum tracee_resume how,
                int status)
{
    struct arch_regs regs;
    bool entered = place->kind == ARCH_INSN_SYSCALL && status >> 8 == TRACEE_SYSCALL_STOP;
    bool stepped = place->kind != ARCH_INSN_SYSCALL && status >> 8 == SIGTRAP;
    thread->own_trap = stepped && place->own;
    if (entered ? how != RESUME_SYSCALL
                : stepped && how != RESUME_STEP && !thread->own_trap && !thread->touched)
        return 0;
    /* It may have been stopped before it has executed anything. */
    thread->passes = !entered && !stepped && arch_regs_get(thread->tid, &regs) == 0 &&
                     arch_pc(&regs) == place->address;
    thread->passing = place->address;
    tracee_keep_status(thread, status);
    thread->how = how;
    return 1;
}

static int pass(struct inferior *inferior, struct tracee *thread, struct arch_regs *regs,
                struct place *place, enum tracee_resume how)
{
    int status = 0, err = place->trap ? hold_threads(inferior) : 0;
    if (!err)
        err = disarm(inferior, thread, regs, place);
    if (err)
        return err;
    bool lifted = place->trap && breakpoint_lift(inferior, place->address);
    int signal = thread->signal;
    bool injected = thread->injected;
    thread->signal = 0;
    err = execute(inferior, thread, place, &status);
    if (lifted)
        breakpoint_lower(inferior, place->address);
    if (err == -ESRCH)
        return 1;
    thread->signal = signal;
    thread->injected = injected;
    return err ? err : take(thread, place, how, status);
}

int pass_breakpoint(struct inferior *inferior, struct tracee *thread, enum tracee_resume how)
{
    struct arch_regs regs;
    uint64_t address;
    if (thread->state != TRACEE_STOPPED || thread->call || !has_any(inferior) ||
        is_delivered(thread) || (!thread->passes && !thread->at_trap))
        return 0;
    int err = arch_regs_get(thread->tid, &regs);
    if (err == -ENOEXEC || (!err && !must_pass(thread, &regs, &address)))
        return 0;
    if (err)
        return err;
    struct place place = place_at(inferior, address);
    if (!place.trap && place.slot < 0)
        return 0;
    if (!place.trap && arch_resume_flag(&regs) && address == arch_pc(&regs))
        return arch_regs_set(thread->tid, &regs);
    return pass(inferior, thread, &regs, &place, how);
}
