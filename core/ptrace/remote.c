/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/remote.h"

#include "proc/maps.h"
#include "ptrace/memory.h"
#include "ptrace/registers.h"
#include "ptrace/run.h"

#include <errno.h>
#include <asm/unistd.h>
#include <string.h>
#include <sys/wait.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)

static const struct {
    const char *name;
    long number;
} syscalls[] = {
#include "syscalls.inc" /* {"read", 0}, … made from <asm/unistd.h> by the Makefile, in order of the names */
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
        err = memory_search(inferior, at, m->stop - at, arch_syscall_insn, sizeof arch_syscall_insn, &found);
        at = found + 1;
    } while (!err && found % ARCH_INSN_ALIGN != 0);
    if (!err)
        inferior->syscall_insn = found;
    return err;
}

/* Looks for a system call instruction in the executable mappings, the vdso's before all others. The
 * vsyscall page, above all user addresses, is emulated and cannot serve. */
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

/* All signals are masked: these come of the instruction itself. */
static bool is_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL;
}

/* Lets the thread run to its next system call stop. Other stops on the way are passed over; a signal
 * that they bring is kept in *held. Not so SIGSTOP, which no mask keeps away: given back later it
 * would undo a SIGCONT that has come since. It is given back at once; the kernel then knows of the
 * group stop, and what the tracer makes the thread do meanwhile does not end it. */
static int run_to_syscall_stop(struct inferior *inferior, struct tracee *thread, int *held)
{
    for (;;) {
        int status, err = tracee_run_to_stop(thread, RESUME_SYSCALL, &status);
        if (err)
            return err;
        if (WSTOPSIG(status) == SYSCALL_STOP)
            return 0;
        if (status >> 16 == 0 && WSTOPSIG(status) == SIGSYS)
            return -EPERM;
        if (status >> 16 == 0 && is_fault(WSTOPSIG(status))) {
            inferior->syscall_insn = 0; /* it is no longer there: the next call looks for another */
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

/* Runs the call, from the registers `saved`; *regs are those after it. At the entry of another call that is first
 * gone through: the number -1 makes it do nothing. */
static int run_call(struct inferior *inferior, struct tracee *thread, const struct arch_regs *saved,
                    long number, const uint64_t args[6], struct arch_regs *regs, int *held)
{
    *regs = *saved;
    arch_syscall_prepare(regs, inferior->syscall_insn, number, args);
    bool entered = thread->at_entry;
    int err = arch_regs_set(thread->tid, regs);
    if (!err && entered)
        err = run_to_syscall_stop(inferior, thread, held); /* out of that */
    if (!err)
        err = run_to_syscall_stop(inferior, thread, held); /* on the way in */
    if (!err)
        err = run_to_syscall_stop(inferior, thread, held); /* on the way out */
    return err ? err : arch_regs_get(thread->tid, regs);
}

/* Back to the entry of the system call at which the thread was. */
static int enter_again(struct inferior *inferior, struct tracee *thread, const struct arch_regs *saved, int *held)
{
    struct arch_regs regs = *saved;
    arch_syscall_rewind(&regs);
    int err = arch_regs_set(thread->tid, &regs);
    if (!err)
        err = run_to_syscall_stop(inferior, thread, held);
    thread->at_entry = !err;
    return err;
}

/* What a remote system call must not change in the thread. */
struct state {
    struct arch_regs regs;
    struct extended_registers extended;
    uint64_t mask;
    uint64_t restart[6]; /* the first argument of the system call that it was interrupted in */
    bool restarts;
    bool entered; /* it was at the entry of one */
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
    err = tracee_set_sigmask(thread, ~UINT64_C(0)); /* no stop here is by a signal, SIGSTOP's apart */
    if (!err)
        err = run_call(inferior, thread, &state.regs, number, args, &regs, &held);
    if (!err && state.restarts)
        err = run_call(inferior, thread, &state.regs, __NR_getpid, state.restart, &ignored, &held);
    int undo = err == -ESRCH || !state.entered ? 0 : enter_again(inferior, thread, &state.regs, &held);
    if (!undo && err != -ESRCH)
        undo = restore(thread, &state);
    extended_free(&state.extended);
    if (err == -ESRCH)
        return err;
    if (undo) { /* it would run on in the midst of a call that is not its own */
        inferior_kill(inferior);
        return -ESRCH;
    }
    thread->signal = held;
    thread->restarts = arch_will_restart(&state.regs) != 0;
    *result = arch_syscall_result(&regs);
    return err;
}

int remote_prepare(struct inferior *inferior, const struct tracee *thread, long number, const uint64_t args[6])
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
