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
            err = tracee_interrupt(thread); /* a group stop, if it is still in force, is reported anew */
        thread->job_stopped = thread->restarts = false;
        if (!err && thread->state == TRACEE_STOPPED)
            err = tracee_resume(thread, its);
        if (err && err != -ESRCH) /* gone: wait will tell */
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
    if (inferior->mem >= 0) /* now: what comes after the last detach is no concern of the process */
        close(inferior->mem);
    inferior->mem = -1;
    /* Threads that could not be stopped (in vfork) are waited for: leaving them traced would kill
     * them when the tracer ends. The others go on meanwhile: the one waited for may need them. */
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
        inferior->threads[i].state = TRACEE_RUNNING; /* towards its end, for wait to see */
    return 0;
}
