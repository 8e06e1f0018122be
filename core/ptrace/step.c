/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/step.h"

#include "base/clock.h"
#include "ptrace/collect.h"
#include "ptrace/memory.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define STEP_MS 10000

static uint64_t bit(int signal) { return UINT64_C(1) << (signal - 1); }

/* Gives the mask of a thread that steps. Blocked signals that the instruction itself raises, and
 * the SIGTRAP of the step, would lose their handlers. */
static uint64_t step_mask(uint64_t mask)
{
    uint64_t own = bit(SIGSEGV) | bit(SIGBUS) | bit(SIGFPE) | bit(SIGILL) | bit(SIGSYS);
    return (~own | mask) & ~bit(SIGTRAP);
}

enum arch_insn_kind step_kind(struct inferior *inferior, uint64_t pc)
{
    uint8_t bytes[ARCH_INSN_MAX];
    size_t size = sizeof bytes;
    while (size && memory_read(inferior, pc, bytes, size)) /* the end of the text may be near */
        size /= 2;
    return arch_insn_kind(bytes, size);
}

void step_mend_flags(struct inferior *inferior, const struct tracee *thread)
{
    struct arch_regs regs;
    uint16_t stored;
    if (arch_regs_get(thread->tid, &regs) || arch_steps_itself(&regs) ||
        memory_read(inferior, arch_step_stored(&regs), &stored, sizeof stored))
        return;
    stored &= (uint16_t)~ARCH_STEP_FLAG;
    memory_write(inferior, arch_step_stored(&regs), &stored, sizeof stored);
}

/* Runs a thread to its next stop. That of an interrupt, which was asked for when the thread had
 * stopped already, comes before it has executed anything. */
static int run(struct tracee *thread, enum tracee_resume how, int64_t deadline, int *status)
{
    int err;
    do
        err = collect_run_to_stop(thread, how, deadline, status);
    while (!err && *status >> 8 == (SIGTRAP | PTRACE_EVENT_STOP << 8));
    return err;
}

static bool is_trap(int status) { return WIFSTOPPED(status) && status >> 8 == SIGTRAP; }

/* Steps until the pc is another one. */
static int step_rounds(struct tracee *thread, uint64_t pc, int64_t deadline, int *status)
{
    struct arch_regs regs = {0};
    int err;
    do {
        err = run(thread, RESUME_STEP, deadline, status);
        if (!err && is_trap(*status))
            err = arch_regs_get(thread->tid, &regs);
    } while (!err && is_trap(*status) && arch_pc(&regs) == pc && !clock_is_past(deadline));
    return err;
}

/* Steps a thread whose signals are blocked. */
static int step(struct inferior *inferior, struct tracee *thread, uint64_t pc, int *status)
{
    enum tracee_resume how = thread->how;
    enum arch_insn_kind kind = step_kind(inferior, pc);
    int64_t deadline = clock_deadline(STEP_MS);
    int err = kind == ARCH_INSN_REPEATED
                  ? step_rounds(thread, pc, deadline, status)
                  : run(thread, RESUME_STEP, deadline, status);
    thread->how = how;
    if (!err && kind == ARCH_INSN_FLAGS && is_trap(*status))
        step_mend_flags(inferior, thread);
    return err;
}

/* Goes on into a system call. */
static int enter(struct tracee *thread, int *status)
{
    enum tracee_resume how = thread->how;
    int err = run(thread, RESUME_SYSCALL, clock_deadline(STEP_MS), status);
    thread->how = how;
    return err;
}

/* Executes the instruction at the pc, or goes on into its system call, with signals blocked. */
static int work(struct inferior *inferior, struct tracee *thread, bool enters, int *status)
{
    struct arch_regs regs;
    uint64_t mask = 0;
    int err = arch_regs_get(thread->tid, &regs);
    if (!err)
        err = tracee_get_sigmask(thread, &mask);
    bool masks = !err && step_mask(mask) != mask;
    if (masks)
        err = tracee_set_sigmask(thread, step_mask(mask));
    if (!err)
        err = enters ? enter(thread, status) : step(inferior, thread, arch_pc(&regs), status);
    return !err && masks ? tracee_set_sigmask(thread, mask) : err;
}

int step_one(struct inferior *inferior, struct tracee *thread, int *status)
{
    return work(inferior, thread, false, status);
}

int step_into_call(struct inferior *inferior, struct tracee *thread, int *status)
{
    return work(inferior, thread, true, status);
}
