/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/twin.h"

#include "base/clock.h"
#include "ptrace/collect.h"
#include "ptrace/newborn.h"

#include <errno.h>
#include <sys/wait.h>

#define BIRTH_MS 1000

static struct arch_regs registers_of(const struct call *call)
{
    struct arch_regs regs = call->regs;
    if (call->entered)
        arch_syscall_rewind(&regs);
    else if (call->restarts || arch_will_restart(&regs))
        arch_restart_rewind(&regs, call->restart[0]);
    return regs;
}

static int place(const struct tracee *twin, const struct call *call)
{
    const struct arch_regs regs = registers_of(call);
    int err = extended_restore(twin, &call->extended);
    if (!err)
        err = arch_regs_set(twin->tid, &regs);
    return err ? err : tracee_set_sigmask(twin, call->mask);
}

int twin_place(const struct call *call, pid_t pid)
{
    struct tracee twin = {.tid = pid};
    int status, err = collect_wait(&twin, clock_deadline(BIRTH_MS), &status);
    if (err)
        return err;
    err = WIFSTOPPED(status) ? place(&twin, call) : -ESRCH;
    newborn_file(pid, status); /* it stays what it was: one of which its maker is yet to tell */
    return err;
}
