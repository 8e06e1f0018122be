/* SPDX-License-Identifier: Apache-2.0 */
#include "remote.h"

#include "maps.h"
#include "memory.h"

#include <errno.h>
#include <asm/unistd.h>
#include <string.h>
#include <sys/wait.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)

static const struct {
    const char *name;
    long number;
} syscalls[] = {
#include "syscalls.inc" /* {"read", 0}, … made from <sys/syscall.h> by the Makefile */
};

long remote_syscall_number(const char *name)
{
    for (size_t i = 0; i < sizeof syscalls / sizeof syscalls[0]; i++)
        if (strcmp(syscalls[i].name, name) == 0)
            return syscalls[i].number;
    return -1;
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
                err = memory_search(inferior, m->start, m->stop - m->start, arch_syscall_insn,
                                    sizeof arch_syscall_insn, &inferior->syscall_insn);
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
        struct event event;
        int status, err = tracee_resume(thread, RESUME_SYSCALL);
        if (!err)
            err = tracee_wait(thread, &status);
        if (err)
            return err;
        if (!WIFSTOPPED(status)) {
            inferior_take(inferior, thread, status, &event);
            return -ESRCH;
        }
        thread->state = TRACEE_STOPPED;
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

int remote_syscall(struct inferior *inferior, struct tracee *thread, long number,
                   const uint64_t args[6], int64_t *result)
{
    struct arch_regs saved, regs;
    uint64_t mask;
    int held = thread->signal;
    int err = inferior->syscall_insn ? 0 : find_instruction(inferior);
    if (!err)
        err = arch_regs_get(thread->tid, &saved);
    if (!err)
        err = tracee_get_sigmask(thread, &mask);
    if (err)
        return err;
    regs = saved;
    thread->job_stopped |= thread->state == TRACEE_GROUP_STOPPED;
    thread->signal = held == SIGSTOP ? held : 0;
    held = held == SIGSTOP ? 0 : held;
    arch_syscall_prepare(&regs, inferior->syscall_insn, number, args);
    err = tracee_set_sigmask(thread, ~UINT64_C(0)); /* no stop here is by a signal, SIGSTOP's apart */
    if (!err)
        err = arch_regs_set(thread->tid, &regs);
    if (!err)
        err = run_to_syscall_stop(inferior, thread, &held); /* on the way in */
    if (!err)
        err = run_to_syscall_stop(inferior, thread, &held); /* on the way out */
    if (!err)
        err = arch_regs_get(thread->tid, &regs);
    if (err == -ESRCH)
        return err;
    int undo = arch_regs_set(thread->tid, &saved);
    if (!undo)
        undo = tracee_set_sigmask(thread, mask);
    if (undo) { /* it would run on in the midst of a call that is not its own */
        inferior_kill(inferior);
        return -ESRCH;
    }
    thread->signal = held;
    thread->restarts = arch_will_restart(&saved) != 0;
    *result = arch_syscall_result(&regs);
    return err;
}
