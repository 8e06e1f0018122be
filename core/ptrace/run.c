/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/run.h"

#include "ptrace/breakpoint.h"
#include "ptrace/collect.h"
#include "ptrace/debug.h"
#include "ptrace/go.h"
#include "ptrace/newborn.h"
#include "ptrace/pending.h"
#include "ptrace/stop.h"
#include "ptrace/watchpoint.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <unistd.h>

#define STOP_MS 1000

/* Changes how threads that run are to stop. Those that are to stop at system calls from now on have
 * to be set going anew. */
static void change_running(struct inferior *inferior, enum tracee_resume how)
{
    for (size_t i = 0; i < inferior->thread_count; i++) {
        struct tracee *thread = &inferior->threads[i];
        if (thread->state != TRACEE_RUNNING || thread->call || thread->how == RESUME_STEP ||
            thread->how == how)
            continue;
        thread->how = how;
        if (how == RESUME_SYSCALL && !thread->has_status)
            tracee_interrupt(thread);
    }
}

static int set_signal(struct tracee *thread, int signal)
{
    thread->signal = signal;
    thread->injected = signal != 0;
    return 0;
}

int inferior_resume_so(struct inferior *inferior, const struct resume *resume)
{
    if (inferior->thread_count == 0)
        return -ESRCH;
    struct tracee *thread = inferior_thread(inferior, resume->thread);
    if (!thread && (resume->thread || resume->sets_signal || resume->how == RESUME_STEP))
        return inferior_no_thread(inferior, resume->thread);
    const struct way way = {resume->how, resume->thread, thread ? thread->tid : 0};
    if (resume->sets_signal)
        set_signal(thread, resume->signal);
    if (resume->thread == 0) {
        inferior->how = resume->how == RESUME_SYSCALL ? RESUME_SYSCALL : RESUME_CONT;
        change_running(inferior, inferior->how);
    }
    return go_all(inferior, &way);
}

int inferior_resume(struct inferior *inferior, enum tracee_resume how)
{
    const struct resume resume = {.how = how};
    return inferior_resume_so(inferior, &resume);
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
        int err = debug_arm(inferior, thread); /* with none */
        if (!err)
            err = tracee_detach(thread);
        if (err && err != -ESRCH)
            result = err;
        inferior_remove(inferior, thread->tid);
        if (child)
            collect_let_go(child);
    }
    return result;
}

/* Tells whether a thread waits in vfork for a child that is an inferior, too: it stops only when
 * that goes on, for which nobody may wait here. */
static bool waits_for_inferior(const struct tracee *thread)
{
    const struct inferior *child =
        thread->vfork_child ? inferior_of_process(thread->vfork_child) : NULL;
    return child && child->thread_count && child->lifts && !thread->has_status;
}

/* Tells whether a thread that has not stopped must be waited for. */
static bool must_wait(const struct inferior *inferior)
{
    bool must = false;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        const struct tracee *thread = &inferior->threads[i];
        bool may = thread->call || debug_is_armed(inferior, thread) ||
                   inferior->options & PTRACE_O_EXITKILL;
        must |= may && !waits_for_inferior(thread);
    }
    return must;
}

static bool all_wait_for_inferiors(const struct inferior *inferior)
{
    bool all = true;
    for (size_t i = 0; i < inferior->thread_count; i++)
        all &= waits_for_inferior(&inferior->threads[i]);
    return all;
}

/* Takes the threads that have not stopped out of the table. They are let go when they stop. */
static void leave_rest(struct inferior *inferior)
{
    while (inferior->thread_count) {
        struct tracee left = inferior->threads[0];
        bool armed = debug_is_armed(inferior, &left);
        inferior_remove(inferior, left.tid);
        if (left.has_status)
            newborn_leave(left.tid, left.status);
        else
            newborn_leave_waiting(left.tid, left.vfork_child, armed);
    }
}

int inferior_detach(struct inferior *inferior) { return inferior_detach_within(inferior, STOP_MS); }

int inferior_detach_within(struct inferior *inferior, int timeout)
{
    if (inferior->is_filtered)
        return -EOPNOTSUPP;
    int result = inferior_stop(inferior, timeout);
    pending_drop(inferior, false);
    bool is_refused = result && result != -ETIMEDOUT && result != -ESRCH; /* they do not stop */
    int left = breakpoint_remove_all(inferior);
    watchpoint_remove_all(inferior);
    if (left) /* it would die of them */
        return left;
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
            break;
        bool waits = must_wait(inferior) && !is_refused;
        if (all_wait_for_inferiors(inferior) ||
            inferior_settle_next(inferior, waits ? -1 : timeout) < 0)
            break;
    }
    leave_rest(inferior);
    collect_leavings(STOP_MS);
    return result;
}

void inferior_let_go(struct inferior *inferior)
{
    if (inferior->thread_count && inferior_detach(inferior) && inferior->thread_count)
        inferior_kill(inferior);
}

void inferior_let_all_go(void)
{
    for (struct inferior *one = inferior_first(); one; one = one->next)
        inferior_let_go(one);
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
