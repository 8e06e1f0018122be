/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/hold.h"

#include "base/clock.h"
#include "proc/process.h"
#include "ptrace/collect.h"
#include "ptrace/debug.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define HOLD_MS 5000 /* the longest that a thread may take to stop */
#define LOOK_MS 5    /* after so long it is asked whether it can stop at all */

/* Tells whether a thread runs, so that it might execute what is being changed. One that is in the
 * midst of a remote call executes nothing else. */
static bool runs(const struct tracee *thread)
{
    return thread->state == TRACEE_RUNNING && !thread->has_status && !thread->call;
}

/* Takes in the stop by which a thread is held. Any other status is left for wait. A thread that
 * owes a trap goes on to that: it executes nothing before. */
static void take(struct inferior *inferior, struct tracee *thread)
{
    if (!thread->has_status || thread->held || thread->fresh || thread->call ||
        thread->status >> 8 != (SIGTRAP | PTRACE_EVENT_STOP << 8))
        return;
    thread->has_status = false;
    thread->state = TRACEE_STOPPED;
    bool owes = (inferior->trap_list.count || inferior->debug_version) && tracee_owes_trap(thread);
    if (owes && tracee_resume(thread, thread->how) == 0)
        return;
    thread->at_trap = thread->held = true;
}

/* Takes in what has come, and tells whether any thread may still execute something. `look`: threads
 * are asked whether they are in the kernel and cannot stop there, or have ended. */
static bool may_execute(struct inferior *inferior, bool look)
{
    bool may = false;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        struct tracee *thread = &inferior->threads[i];
        take(inferior, thread);
        if (runs(thread) && !(look && strchr("DZX", process_state(thread->tid))))
            may = true;
    }
    return may;
}

int hold_threads(struct inferior *inferior)
{
    bool any = false;
    for (size_t i = 0; i < inferior->thread_count; i++)
        if (runs(&inferior->threads[i])) {
            tracee_interrupt(&inferior->threads[i]);
            any = true;
        }
    if (!any)
        return 0;
    int err = 0;
    int64_t deadline = clock_deadline(HOLD_MS), look = clock_deadline(LOOK_MS);
    bool asks = false;
    while (may_execute(inferior, asks) && !err) {
        err = collect_some(look);
        if (err == -EINTR || (err == -ETIMEDOUT && !clock_is_past(deadline)))
            err = 0;
        asks = clock_is_past(look);
        if (asks)
            look = clock_deadline(LOOK_MS);
    }
    if (err == -ECHILD) /* all have ended, which wait will tell */
        err = 0;
    if (err)
        hold_release(inferior);
    return err;
}

int hold_release(struct inferior *inferior)
{
    int result = 0;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        struct tracee *thread = &inferior->threads[i];
        if (!thread->held)
            continue;
        thread->held = false;
        if (thread->state == TRACEE_RUNNING)
            continue;
        int err = tracee_mend_call(thread);
        if (!err)
            err = debug_arm(inferior, thread);
        if (!err)
            err = inferior_keep_options(inferior, thread);
        if (!err)
            err = tracee_resume(thread, thread->how);
        if (err == -ESRCH) /* it was killed: its end is yet to come */
            thread->state = TRACEE_RUNNING;
        else if (err)
            result = err;
    }
    return result;
}
