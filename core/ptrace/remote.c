/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/remote.h"

#include "proc/maps.h"
#include "ptrace/memory.h"
#include "ptrace/registers.h"
#include "ptrace/run.h"

#include <asm/unistd.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

static const struct {
    const char *name;
    long number;
} syscalls[] = {
/* Lines {"read", 0}, in order of the names; the Makefile makes them from <asm/unistd.h>. */
#include "syscalls.inc"
};

long remote_syscall_number(const char *name)
{
    size_t low = 0, high = sizeof syscalls / sizeof syscalls[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, syscalls[middle].name);
        if (order == 0)
            return syscalls[middle].number;
        *(order < 0 ? &high : &low) = order < 0 ? middle : middle + 1;
    }
    return -1;
}

/* Looks for a system call instruction in one mapping. */
static int search(struct inferior *inferior, const struct mapping *m)
{
    uint64_t at = m->start, found = 0;
    int err;
    do {
        err = memory_search(inferior, at, m->stop - at, arch_syscall_insn,
                            sizeof arch_syscall_insn, &found);
        at = found + 1;
    } while (!err && found % ARCH_INSN_ALIGN != 0);
    if (!err)
        inferior->syscall_insn = found;
    return err;
}

/* Looks for a system call instruction in the executable mappings, and in the vdso before all
 * others. The vsyscall page, above all user addresses, is emulated by the kernel and cannot
 * serve. */
static int find_instruction(struct inferior *inferior)
{
    struct maps maps;
    int err = maps_read(inferior->pid, false, &maps);
    if (err)
        return err;
    err = -ENOENT;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < maps.count && err; i++) {
            const struct mapping *m = &maps.list[i];
            bool vdso = strcmp(m->path, "[vdso]") == 0;
            if (m->perms[0] == 'r' && m->perms[2] == 'x' && vdso == (pass == 0) &&
                strcmp(m->path, "[vsyscall]") != 0)
                err = search(inferior, m);
        }
    }
    maps_free(&maps);
    return err;
}

/* Tells whether the instruction itself has raised the signal: all others are blocked. */
static bool is_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL;
}

/* Lets the thread run to its next system call stop. Other stops on the way are passed over; the
 * signal of such a stop is kept in *held. SIGSTOP is given back at once instead: no mask keeps it
 * away, and given back later it would undo a SIGCONT that has come since. The kernel then knows of
 * the group stop, which what the thread does for the tracer meanwhile does not end. */
static int run_to_syscall_stop(struct inferior *inferior, struct tracee *thread, int *held)
{
    for (;;) {
        int status, err = tracee_run_to_stop(thread, RESUME_SYSCALL, &status);
        if (err)
            return err;
        if (WSTOPSIG(status) == TRACEE_SYSCALL_STOP)
            return 0;
        if (status >> 16 == 0 && WSTOPSIG(status) == SIGSYS)
            return -EPERM;
        if (status >> 16 == 0 && is_fault(WSTOPSIG(status))) {
            inferior->syscall_insn = 0; /* it is gone: the next call looks for another one */
            return -EFAULT;
        }
        if (status >> 16 == 0 && WSTOPSIG(status) == SIGSTOP)
            thread->signal = SIGSTOP;
        else if (status >> 16 == 0)
            *held = WSTOPSIG(status);
        else if (WSTOPSIG(status) != SIGTRAP) /* PTRACE_EVENT_STOP: a group stop */
            thread->job_stopped = true;
    }
}

/* Runs the call. `saved` are the thread's registers before it, *regs become those after it. A
 * thread that is at the entry of another call first goes through that one, which does nothing since
 * its number is now -1. */
static int run_call(struct inferior *inferior, struct tracee *thread, const struct arch_regs *saved,
                    long number, const uint64_t args[6], struct arch_regs *regs, int *held)
{
    *regs = *saved;
    arch_syscall_prepare(regs, inferior->syscall_insn, number, args);
    bool entered = thread->at_entry;
    int err = arch_regs_set(thread->tid, regs);
    if (!err && entered)
        err = run_to_syscall_stop(inferior, thread, held); /* out of the other call */
    if (!err)
        err = run_to_syscall_stop(inferior, thread, held); /* into this one */
    if (!err)
        err = run_to_syscall_stop(inferior, thread, held); /* out of this one */
    return err ? err : arch_regs_get(thread->tid, regs);
}

/* Brings the thread back to the entry of the system call at which it was. */
static int enter_again(struct inferior *inferior, struct tracee *thread,
                       const struct arch_regs *saved, int *held)
{
    struct arch_regs regs = *saved;
    arch_syscall_rewind(&regs);
    int err = arch_regs_set(thread->tid, &regs);
    if (!err)
        err = run_to_syscall_stop(inferior, thread, held);
    thread->at_entry = !err;
    return err;
}

/* What of the thread must be after a remote system call as it was before. */
struct state {
    struct arch_regs regs;
    struct extended_registers extended;
    uint64_t mask;
    uint64_t restart[6]; /* arguments that bring back what an interrupted call needs (`restarts`) */
    bool restarts;
    bool entered; /* the thread was at the entry of a system call */
};

static int save(const struct tracee *thread, struct state *state)
{
    *state = (struct state){.entered = thread->at_entry};
    int err = arch_regs_get(thread->tid, &state->regs);
    if (!err)
        err = tracee_get_sigmask(thread, &state->mask);
    if (!err)
        err = extended_save(thread, true, &state->extended);
    if (!err && !state->entered)
        state->restarts = arch_restart_argument(thread->tid, &state->regs, &state->restart[0]);
    return err;
}

static int restore(const struct tracee *thread, const struct state *state)
{
    int err = extended_restore(thread, &state->extended);
    if (!err)
        err = arch_regs_set(thread->tid, &state->regs);
    return err ? err : tracee_set_sigmask(thread, state->mask);
}

int remote_syscall(struct inferior *inferior, struct tracee *thread, long number,
                   const uint64_t args[6], int64_t *result)
{
    struct arch_regs regs = {0}, ignored;
    struct state state;
    int held = thread->signal;
    int err = inferior->syscall_insn ? 0 : find_instruction(inferior);
    if (!err)
        err = save(thread, &state);
    if (err)
        return err;
    thread->job_stopped |= thread->state == TRACEE_GROUP_STOPPED;
    thread->signal = held == SIGSTOP ? held : 0;
    held = held == SIGSTOP ? 0 : held;
    err = tracee_set_sigmask(thread, ~UINT64_C(0));
    if (!err)
        err = run_call(inferior, thread, &state.regs, number, args, &regs, &held);
    if (!err && state.restarts)
        err = run_call(inferior, thread, &state.regs, __NR_getpid, state.restart, &ignored, &held);
    int undo = 0;
    if (err != -ESRCH && state.entered)
        undo = enter_again(inferior, thread, &state.regs, &held);
    if (!undo && err != -ESRCH)
        undo = restore(thread, &state);
    extended_free(&state.extended);
    if (err == -ESRCH)
        return err;
    if (undo) {
        inferior_kill(inferior);
        return -ESRCH;
    }
    thread->signal = held;
    thread->restarts = arch_will_restart(&state.regs) != 0;
    *result = arch_syscall_result(&regs);
    return err;
}

int remote_prepare(struct inferior *inferior, const struct tracee *thread, long number,
                   const uint64_t args[6])
{
    struct arch_regs regs;
    int err = inferior->syscall_insn ? 0 : find_instruction(inferior);
    if (!err)
        err = arch_regs_get(thread->tid, &regs);
    if (err)
        return err;
    arch_syscall_prepare(&regs, inferior->syscall_insn, number, args);
    return arch_regs_set(thread->tid, &regs);
}
