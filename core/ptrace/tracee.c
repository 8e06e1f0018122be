/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/tracee.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define PENDING_LOOK 16 /* pending signals that are looked at: a trap's is among the first */

/* ptrace(2)'s data argument is a pointer even where it carries a number. */
static void *data(uintptr_t number) { return (void *)number; }

static int result(long value) { return value < 0 ? -errno : 0; }

int tracee_seize(pid_t tid, unsigned options)
{
    return result(ptrace(PTRACE_SEIZE, tid, NULL, data(options)));
}

int tracee_set_options(const struct tracee *tracee, unsigned options)
{
    return result(ptrace(PTRACE_SETOPTIONS, tracee->tid, NULL, data(options)));
}

int tracee_resume(struct tracee *tracee, enum tracee_resume how)
{
    long err = 0;
    switch (how) {
    case RESUME_CONT:
        err = ptrace(PTRACE_CONT, tracee->tid, NULL, data((uintptr_t)tracee->signal));
        break;
    case RESUME_SYSCALL:
        err = ptrace(PTRACE_SYSCALL, tracee->tid, NULL, data((uintptr_t)tracee->signal));
        break;
    case RESUME_STEP:
        err = ptrace(PTRACE_SINGLESTEP, tracee->tid, NULL, data((uintptr_t)tracee->signal));
        break;
    case RESUME_LISTEN:
        err = ptrace(PTRACE_LISTEN, tracee->tid, NULL, NULL);
        break;
    }
    if (err < 0)
        return -errno;
    tracee->state = TRACEE_RUNNING;
    tracee->at_entry = false;
    if (how != RESUME_LISTEN) {
        tracee->how = how;
        tracee->signal = 0;
        tracee->injected = tracee->passes = false;
    }
    if (how == RESUME_CONT || how == RESUME_STEP)
        tracee->entry_told = tracee->filtered = false;
    return 0;
}

int tracee_detach(struct tracee *tracee)
{
    return result(ptrace(PTRACE_DETACH, tracee->tid, NULL, data((uintptr_t)tracee->signal)));
}

int tracee_interrupt(const struct tracee *tracee)
{
    return result(ptrace(PTRACE_INTERRUPT, tracee->tid, NULL, NULL));
}

void tracee_keep_status(struct tracee *tracee, int status)
{
    tracee->state = TRACEE_RUNNING;
    tracee->has_status = true;
    tracee->status = status;
}

bool tracee_was_killed(struct tracee *tracee)
{
    unsigned long ignored;
    if (tracee_event_message(tracee, &ignored) != -ESRCH)
        return false;
    tracee->state = TRACEE_RUNNING;
    return true;
}

bool tracee_has_ended(const struct tracee *tracee)
{
    return tracee->has_status && !WIFSTOPPED(tracee->status);
}

int tracee_mend_call(const struct tracee *tracee)
{
    struct arch_regs regs;
    int err = arch_regs_get(tracee->tid, &regs);
    if (!err && arch_restart_interrupted(&regs))
        err = arch_regs_set(tracee->tid, &regs);
    return err == -ENOEXEC ? 0 : err;
}

int tracee_get_sigmask(const struct tracee *tracee, uint64_t *mask)
{
    return result(ptrace(PTRACE_GETSIGMASK, tracee->tid, data(sizeof *mask), mask));
}

int tracee_set_sigmask(const struct tracee *tracee, uint64_t mask)
{
    return result(ptrace(PTRACE_SETSIGMASK, tracee->tid, data(sizeof mask), &mask));
}

int tracee_siginfo(const struct tracee *tracee, siginfo_t *info)
{
    return result(ptrace(PTRACE_GETSIGINFO, tracee->tid, NULL, info));
}

int tracee_set_siginfo(const struct tracee *tracee, const siginfo_t *info)
{
    siginfo_t copy = *info;
    return result(ptrace(PTRACE_SETSIGINFO, tracee->tid, NULL, &copy));
}

bool tracee_owes_trap(const struct tracee *tracee)
{
    siginfo_t queued[PENDING_LOOK];
    struct __ptrace_peeksiginfo_args args = {.off = 0, .flags = 0, .nr = PENDING_LOOK};
    long count = ptrace(PTRACE_PEEKSIGINFO, tracee->tid, &args, queued);
    for (long i = 0; i < count; i++)
        if (queued[i].si_signo == SIGTRAP && queued[i].si_code > 0)
            return true;
    return false;
}

int tracee_event_message(const struct tracee *tracee, unsigned long *message)
{
    return result(ptrace(PTRACE_GETEVENTMSG, tracee->tid, NULL, message));
}

int tracee_syscall_info(const struct tracee *tracee, bool *entry, int64_t *number,
                        uint64_t arguments[6])
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->tid, data(sizeof info), &info) < 0)
        return -errno;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        *entry = true;
        *number = (int64_t)info.entry.nr;
        for (int i = 0; i < 6; i++)
            arguments[i] = info.entry.args[i];
    } else if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
        *entry = true;
        *number = (int64_t)info.seccomp.nr;
        for (int i = 0; i < 6; i++)
            arguments[i] = info.seccomp.args[i];
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        *entry = false;
        *number = info.exit.rval;
    } else {
        return -EINVAL;
    }
    return 0;
}
