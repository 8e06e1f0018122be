/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/run.h"

#include "ptrace/breakpoint.h"
#include "ptrace/stop.h"

#include <errno.h>
#include <unistd.h>

int inferior_resume(struct inferior *inferior, enum tracee_resume how)
{
    int result = inferior->thread_count ? 0 : -ESRCH;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        struct tracee *thread = &inferior->threads[i];
        if (thread->state == TRACEE_RUNNING)
            continue;
        enum tracee_resume its = thread->tid == inferior->selected ? how : RESUME_CONT;
        int err = breakpoint_step_over(inferior, thread, its == RESUME_STEP);
        if (!err && thread->state == TRACEE_GROUP_STOPPED)
            err = tracee_resume(thread, RESUME_LISTEN);
        else if (!err && (thread->job_stopped || thread->restarts))
            err = tracee_interrupt(thread); /* its trap makes the kernel redo either of them */
        thread->job_stopped = thread->restarts = false;
        if (!err && thread->state == TRACEE_STOPPED)
            err = tracee_resume(thread, its);
        if (err && err != -ESRCH) /* -ESRCH: the thread is gone, wait will tell */
            result = err;
        if (err == -ESRCH)
            thread->state = TRACEE_RUNNING;
    }
    return result;
}

int inferior_detach(struct inferior *inferior)
{
    int result = inferior_stop(inferior, 1000);
    breakpoint_remove_all(inferior);
    if (inferior->mem >= 0) /* before the last detach, after which this side may be slow */
        close(inferior->mem);
    inferior->mem = -1;
    /* A thread that could not be stopped (it is in vfork) is waited for: if it stayed traced, the
     * end of the tracer would kill it. The other threads are let go before, since it may wait for
     * them. */
    for (bool again = true; again;) {
        again = false;
        for (size_t i = inferior->thread_count; i-- > 0;) {
            struct tracee *thread = &inferior->threads[i];
            if (thread->state == TRACEE_RUNNING) {
                again = true;
                continue;
            }
            int err = tracee_detach(thread);
            if (err && err != -ESRCH)
                result = err;
            inferior_remove(inferior, thread->tid);
        }
        if (again && inferior_settle_next(inferior, -1) < 0)
            break;
    }
    return result == -ETIMEDOUT ? 0 : result;
}

int inferior_kill(struct inferior *inferior)
{
    const struct tracee *leader = inferior_find(inferior, inferior->pid);
    if (inferior->exited || (leader && tracee_has_ended(leader)))
        return -ESRCH;
    if (kill(inferior->pid, SIGKILL) < 0)
        return -errno;
    for (size_t i = 0; i < inferior->thread_count; i++)
        inferior->threads[i].state = TRACEE_RUNNING; /* until its end, of which wait tells */
    return 0;
}
