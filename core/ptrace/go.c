/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/go.h"

#include "ptrace/debug.h"
#include "ptrace/hold.h"
#include "ptrace/pass.h"
#include "ptrace/step.h"

#include <errno.h>

static bool is_meant(const struct tracee *thread, const struct way *way)
{
    return thread->state != TRACEE_RUNNING && !thread->waits && !thread->held &&
           (way->only == 0 || way->only == thread->tid);
}

/* How one thread is to go. Of a system call that a filter has told of, the return is told, too. */
static enum tracee_resume its_way(const struct tracee *thread, const struct way *way)
{
    enum tracee_resume how = way->how;
    if (how == RESUME_STEP && thread->tid != way->single)
        how = RESUME_CONT;
    return how == RESUME_CONT && thread->filtered ? RESUME_SYSCALL : how;
}

/* Brings all threads past the breakpoints where they stand. Those that are held for it may stand
 * at one, too: at a system call that is to be made again. */
static int pass_all(struct inferior *inferior, const struct way *way)
{
    int result = 0;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        struct tracee *thread = &inferior->threads[i];
        if (!is_meant(thread, way) || thread->born)
            continue;
        int err = pass_breakpoint(inferior, thread, its_way(thread, way));
        if (err == -ESRCH) /* it was killed, as wait will tell */
            thread->state = TRACEE_RUNNING;
        thread->stays = err < 0 && err != -ESRCH;
        if (thread->stays)
            result = err;
    }
    for (size_t i = 0; i < inferior->thread_count; i++)
        if (inferior->threads[i].held)
            pass_breakpoint(inferior, &inferior->threads[i], inferior->threads[i].how);
    return result;
}

static void note_flags(struct inferior *inferior, struct tracee *thread)
{
    struct arch_regs regs;
    thread->mends_flags = arch_regs_get(thread->tid, &regs) == 0 &&
                          step_kind(inferior, arch_pc(&regs)) == ARCH_INSN_FLAGS;
}

static int resume(struct inferior *inferior, struct tracee *thread, enum tracee_resume how)
{
    int err = inferior_keep_options(inferior, thread);
    if (!err)
        err = debug_arm(inferior, thread);
    if (!err && how == RESUME_STEP && thread->state == TRACEE_STOPPED)
        note_flags(inferior, thread);
    if (!err && thread->state == TRACEE_GROUP_STOPPED)
        err = tracee_resume(thread, RESUME_LISTEN);
    else if (!err && (thread->job_stopped || thread->restarts))
        err = tracee_interrupt(thread); /* its trap makes the kernel redo either of them */
    thread->job_stopped = thread->restarts = false;
    if (!err && thread->state == TRACEE_STOPPED)
        err = tracee_resume(thread, how);
    if (err == -ESRCH) /* it is gone, wait will tell */
        thread->state = TRACEE_RUNNING;
    return err == -ESRCH ? 0 : err;
}

/* Sets one thread going that has passed its breakpoint. */
static int go(struct inferior *inferior, struct tracee *thread, enum tracee_resume how)
{
    if (thread->stays) {
        thread->stays = false;
        return 0;
    }
    if (!thread->born)
        return resume(inferior, thread, how);
    tracee_keep_status(thread, thread->born); /* made by a remote call: it is time to tell */
    return 0;
}

int go_all(struct inferior *inferior, const struct way *way)
{
    int result = pass_all(inferior, way);
    for (size_t i = 0; i < inferior->thread_count; i++) {
        struct tracee *thread = &inferior->threads[i];
        int err = is_meant(thread, way) ? go(inferior, thread, its_way(thread, way)) : 0;
        if (err)
            result = err;
    }
    int err = hold_release(inferior);
    return result ? result : err;
}

int go_on(struct inferior *inferior, pid_t tid)
{
    const struct tracee *thread = inferior_find(inferior, tid);
    if (!thread)
        return 0;
    const struct way way = {thread->how, tid, tid};
    return go_all(inferior, &way);
}
