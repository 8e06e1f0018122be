/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/tracee.h"

#include "base/request.h"
#include "ptrace/beside.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define PENDING_LOOK 16 /* pending signals that are looked at: a trap's is among the first */

/* ptrace(2)'s data argument is a pointer even where it carries a number. */
static void *data(uintptr_t number) { return (void *)number; }

static int request(int what, const struct tracee *tracee, void *address, void *its_data)
{
    return request_make(what, tracee->tid, address, its_data);
}

int tracee_seize(pid_t tid, unsigned options)
{
    return ptrace(PTRACE_SEIZE, tid, NULL, data(options)) < 0 ? -errno : 0;
}

int tracee_set_options(const struct tracee *tracee, unsigned options)
{
    return request(PTRACE_SETOPTIONS, tracee, NULL, data(options));
}

static uint64_t resumes;

uint64_t tracee_resumes(void) { return resumes; }

int tracee_resume(struct tracee *tracee, enum tracee_resume how)
{
    int err = 0;
    resumes++;
    if (!tracee->call)
        beside_end(tracee->tid);
    switch (how) {
    case RESUME_CONT:
        err = request(PTRACE_CONT, tracee, NULL, data((uintptr_t)tracee->signal));
        break;
    case RESUME_SYSCALL:
        err = request(PTRACE_SYSCALL, tracee, NULL, data((uintptr_t)tracee->signal));
        break;
    case RESUME_STEP:
        err = request(PTRACE_SINGLESTEP, tracee, NULL, data((uintptr_t)tracee->signal));
        break;
    case RESUME_LISTEN:
        err = request(PTRACE_LISTEN, tracee, NULL, NULL);
        break;
    }
    if (err)
        return err;
    tracee->state = TRACEE_RUNNING;
    tracee->at_entry = tracee->in_fork = false;
    if (how != RESUME_LISTEN) {
        tracee->how = how;
        tracee->signal = 0;
        tracee->injected = tracee->passes = false;
    }
    if (how == RESUME_CONT || how == RESUME_STEP)
        tracee->entry_told = tracee->filtered = tracee->in_known = false;
    return 0;
}

int tracee_detach(struct tracee *tracee)
{
    beside_end(tracee->tid);
    return request(PTRACE_DETACH, tracee, NULL, data((uintptr_t)tracee->signal));
}

int tracee_interrupt(const struct tracee *tracee)
{
    return request(PTRACE_INTERRUPT, tracee, NULL, NULL);
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
    return request(PTRACE_GETSIGMASK, tracee, data(sizeof *mask), mask);
}

int tracee_set_sigmask(const struct tracee *tracee, uint64_t mask)
{
    return request(PTRACE_SETSIGMASK, tracee, data(sizeof mask), &mask);
}

int tracee_siginfo(const struct tracee *tracee, siginfo_t *info)
{
    return request(PTRACE_GETSIGINFO, tracee, NULL, info);
}

int tracee_set_siginfo(const struct tracee *tracee, const siginfo_t *info)
{
    siginfo_t copy = *info;
    return request(PTRACE_SETSIGINFO, tracee, NULL, &copy);
}

bool tracee_owes_trap(const struct tracee *tracee)
{
    siginfo_t queued[PENDING_LOOK] = {0};
    struct __ptrace_peeksiginfo_args args = {.off = 0, .flags = 0, .nr = PENDING_LOOK};
    if (request(PTRACE_PEEKSIGINFO, tracee, &args, queued))
        return false;
    for (size_t i = 0; i < PENDING_LOOK; i++)
        if (queued[i].si_signo == SIGTRAP &&
            arch_trap_is_kernels(&queued[i], tracee->how == RESUME_STEP))
            return true;
    return false;
}

int tracee_event_message(const struct tracee *tracee, unsigned long *message)
{
    return request(PTRACE_GETEVENTMSG, tracee, NULL, message);
}

int tracee_syscall_info(const struct tracee *tracee, bool *entry, int64_t *number,
                        uint64_t arguments[6])
{
    struct __ptrace_syscall_info info;
    int err = request(PTRACE_GET_SYSCALL_INFO, tracee, data(sizeof info), &info);
    if (err)
        return err;
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

pid_t tracee_look(pid_t tid, int *status, int options)
{
    pid_t found = waitpid(tid, status, TRACEE_ONLY | options);
    if (found < 0 && errno != EINTR && errno != ECHILD)
        found = waitpid(tid, status, TRACEE_ONLY | options);
    return found;
}
