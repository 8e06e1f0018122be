/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/run.h"

#include "ptrace/breakpoint.h"
#include "ptrace/collect.h"
#include "ptrace/stop.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <unistd.h>

#define STOP_MS 1000

int inferior_resume(struct inferior *inferior, enum tracee_resume how)
{
    int result = inferior->thread_count ? 0 : -ESRCH;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        struct tracee *thread = &inferior->threads[i];
        if (thread->state == TRACEE_RUNNING)
            continue;
        if (thread->born) { /* made by a remote call: it is time to tell */
            tracee_keep_status(thread, thread->born);
            continue;
        }
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

/* Detaches from the threads that are stopped. Returns 0 or -errno. */
static int let_stopped_go(struct inferior *inferior)
{
    int result = 0;
    for (size_t i = inferior->thread_count; i-- > 0;) {
        struct tracee *thread = &inferior->threads[i];
        if (thread->state == TRACEE_RUNNING)
            continue;
        pid_t child = thread->born ? thread->born_tid : 0;
        int err = tracee_detach(thread);
        if (err && err != -ESRCH)
            result = err;
        inferior_remove(inferior, thread->tid);
        if (child)
            collect_let_go(child);
    }
    return result;
}

/* Tells whether a thread that has not stopped must be waited for. */
static bool must_wait(const struct inferior *inferior)
{
    bool must = inferior->options & PTRACE_O_EXITKILL;
    for (size_t i = 0; i < inferior->thread_count; i++)
        must |= inferior->threads[i].call != NULL;
    return must;
}

/* Takes the threads that have not stopped out of the table. */
static void leave_rest(struct inferior *inferior)
{
    while (inferior->thread_count) {
        struct tracee left = inferior->threads[0];
        inferior_remove(inferior, left.tid);
        collect_leave(left.tid, left.has_status ? left.status : 0);
    }
}

int inferior_detach(struct inferior *inferior) { return inferior_detach_within(inferior, STOP_MS); }

int inferior_detach_within(struct inferior *inferior, int timeout)
{
    int result = inferior_stop(inferior, timeout);
    breakpoint_remove_all(inferior);
    if (inferior->mem >= 0) /* before the last detach, after which this side may be slow */
        close(inferior->mem);
    inferior->mem = -1;
    if (result == -ETIMEDOUT)
        result = 0;
    /* A thread that could not be stopped may wait for the others: these are let go first. */
    for (;;) {
        int err = let_stopped_go(inferior);
        result = err ? err : result;
        if (inferior->thread_count == 0)
            return result;
        if (inferior_settle_next(inferior, must_wait(inferior) ? -1 : timeout) < 0)
            break;
    }
    leave_rest(inferior);
    return result;
}

int inferior_kill(struct inferior *inferior)
{
    const struct tracee *leader = inferior_find(inferior, inferior->pid);
    if (inferior->exited || (leader && tracee_has_ended(leader)))
        return -ESRCH;
    int err = inferior_send_kill(inferior);
    if (err)
        return err;
    for (size_t i = 0; i < inferior->thread_count; i++)
        inferior->threads[i].state = TRACEE_RUNNING; /* until its end, of which wait tells */
    return 0;
}
