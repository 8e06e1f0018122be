/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/breakpoint.h"

#include "base/clock.h"
#include "ptrace/collect.h"
#include "ptrace/memory.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define STEP_MS 10000 /* the longest that one instruction may take: it may be a system call */

static int write_trap(struct inferior *inferior, const struct breakpoint *b)
{
    return memory_write(inferior, b->address, arch_trap_insn, sizeof arch_trap_insn);
}

static int write_original(struct inferior *inferior, const struct breakpoint *b)
{
    return memory_write(inferior, b->address, b->original, sizeof b->original);
}

/* Finds a debug register that no breakpoint uses. Gives its number or -ENOSPC. */
static int free_slot(const struct inferior *inferior)
{
    bool taken[ARCH_HARDWARE_BREAKPOINTS] = {false};
    for (size_t i = 0; i < INFERIOR_BREAKPOINTS; i++)
        if (inferior->breakpoints[i].used && inferior->breakpoints[i].hardware)
            taken[inferior->breakpoints[i].slot] = true;
    for (int slot = 0; slot < ARCH_HARDWARE_BREAKPOINTS; slot++)
        if (!taken[slot])
            return slot;
    return -ENOSPC;
}

static int insert_hardware(struct inferior *inferior, struct breakpoint *b)
{
    int slot = free_slot(inferior);
    if (slot < 0)
        return slot;
    b->slot = (unsigned)slot;
    b->hardware = true;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        int err = arch_breakpoint_set(inferior->threads[i].tid, b->slot, b->address);
        if (!err)
            continue;
        while (i-- > 0)
            arch_breakpoint_clear(inferior->threads[i].tid, b->slot);
        return err;
    }
    return 0;
}

static int insert_software(struct inferior *inferior, struct breakpoint *b)
{
    b->hardware = false;
    int err = memory_read(inferior, b->address, b->original, sizeof b->original);
    return err ? err : write_trap(inferior, b);
}

int breakpoint_insert(struct inferior *inferior, uint64_t address, enum breakpoint_kind kind,
                      size_t *index)
{
    size_t i = 0;
    while (i < INFERIOR_BREAKPOINTS && inferior->breakpoints[i].used)
        i++;
    if (i == INFERIOR_BREAKPOINTS)
        return -ENOSPC;
    struct breakpoint b = {.address = arch_address(address), .used = true};
    int err = kind == BREAKPOINT_SOFTWARE ? -ENOSPC : insert_hardware(inferior, &b);
    if (err && kind != BREAKPOINT_HARDWARE)
        err = insert_software(inferior, &b);
    if (err)
        return err;
    inferior->breakpoints[i] = b;
    *index = i;
    return 0;
}

int breakpoint_remove(struct inferior *inferior, size_t index)
{
    struct breakpoint *b = &inferior->breakpoints[index];
    int err = 0;
    if (b->used && b->hardware) {
        for (size_t i = 0; i < inferior->thread_count; i++)
            if (inferior->threads[i].state != TRACEE_RUNNING)
                arch_breakpoint_clear(inferior->threads[i].tid, b->slot);
    } else if (b->used) {
        err = write_original(inferior, b);
    }
    b->used = false;
    return err;
}

void breakpoint_remove_all(struct inferior *inferior)
{
    for (size_t i = 0; i < INFERIOR_BREAKPOINTS; i++)
        breakpoint_remove(inferior, i);
}

int breakpoint_arm_thread(struct inferior *inferior, const struct tracee *thread)
{
    int err = 0;
    for (size_t i = 0; i < INFERIOR_BREAKPOINTS && !err; i++) {
        const struct breakpoint *b = &inferior->breakpoints[i];
        if (b->used && b->hardware)
            err = arch_breakpoint_set(thread->tid, b->slot, b->address);
    }
    return err;
}

static const struct breakpoint *find(const struct inferior *inferior, uint64_t address,
                                     bool hardware)
{
    for (size_t i = 0; i < INFERIOR_BREAKPOINTS; i++) {
        const struct breakpoint *b = &inferior->breakpoints[i];
        if (b->used && b->hardware == hardware && b->address == address)
            return b;
    }
    return NULL;
}

bool breakpoint_hit(struct inferior *inferior, const struct tracee *thread, uint64_t *address)
{
    struct arch_regs regs;
    if (arch_regs_get(thread->tid, &regs))
        return false;
    uint64_t pc = arch_pc(&regs);
    *address = pc;
    if (find(inferior, pc, true))
        return true;
    if (!find(inferior, pc - ARCH_TRAP_PC_ADVANCE, false))
        return false;
    *address = pc - ARCH_TRAP_PC_ADVANCE;
    arch_set_pc(&regs, *address);
    return arch_regs_set(thread->tid, &regs) == 0;
}

/* Finds the breakpoint at `pc` that would stop a thread which goes on from there; NULL: there is
 * none. */
static const struct breakpoint *find_in_the_way(const struct inferior *inferior, uint64_t pc)
{
    const struct breakpoint *b = find(inferior, pc, false);
    return b || !ARCH_HARDWARE_BREAKPOINT_REPEATS ? b : find(inferior, pc, true);
}

/* Takes a breakpoint away for one step of a thread, and puts it back. */
static int lift(struct inferior *inferior, const struct tracee *thread, const struct breakpoint *b)
{
    return b->hardware ? arch_breakpoint_clear(thread->tid, b->slot) : write_original(inferior, b);
}

static int lower(struct inferior *inferior, const struct tracee *thread, const struct breakpoint *b)
{
    return b->hardware ? arch_breakpoint_set(thread->tid, b->slot, b->address)
                       : write_trap(inferior, b);
}

static bool has_any(const struct inferior *inferior)
{
    for (size_t i = 0; i < INFERIOR_BREAKPOINTS; i++)
        if (inferior->breakpoints[i].used)
            return true;
    return false;
}

int breakpoint_step_over(struct inferior *inferior, struct tracee *thread, bool only)
{
    struct arch_regs regs;
    if (thread->state != TRACEE_STOPPED || !has_any(inferior) || arch_regs_get(thread->tid, &regs))
        return 0;
    const struct breakpoint *b = find_in_the_way(inferior, arch_pc(&regs));
    if (!b)
        return 0;
    int status, signal = thread->signal;
    thread->signal = 0;
    int err = lift(inferior, thread, b);
    if (!err)
        err = collect_run_to_stop(thread, RESUME_STEP, clock_deadline(STEP_MS), &status);
    if (err)
        return err;
    int kind = status >> 16;
    bool is_event = kind != 0 && kind != PTRACE_EVENT_STOP;
    if (only || is_event) {
        tracee_keep_status(thread, status);
        thread->signal = signal;
        thread->how = only ? RESUME_STEP : RESUME_CONT;
        return kind == PTRACE_EVENT_EXEC ? 0 : lower(inferior, thread, b);
    }
    thread->signal = WSTOPSIG(status) != SIGTRAP && kind == 0 ? WSTOPSIG(status) : signal;
    return lower(inferior, thread, b);
}
