/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/stop.h"

#include "base/clock.h"
#include "base/ticker.h"
#include "proc/process.h"
#include "ptrace/collect.h"
#include "ptrace/debug.h"
#include "ptrace/pending.h"
#include "ptrace/rseq.h"
#include "ptrace/wait.h"

#include <errno.h>

#define TICK_MS 10

/* Tells whether any thread runs. The first thread may have ended before the others: that is told
 * after their ends. */
static bool somebody_runs(const struct inferior *inferior)
{
    bool leader_runs = false;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        const struct tracee *thread = &inferior->threads[i];
        if (thread->state != TRACEE_RUNNING)
            continue;
        if (thread->tid != inferior->pid || thread->has_status)
            return true;
        leader_runs = true;
    }
    return leader_runs && (inferior->thread_count == 1 || process_state(inferior->pid) != 'Z');
}

static bool is_fork(const struct event *event)
{
    return event->reason == EVENT_FORK || event->reason == EVENT_VFORK;
}

/* Tells whether a thread that has stopped must go on a little. At a signal it must, since the
 * kernel delivers the signal with its siginfo only when the thread goes on from this very stop; at
 * a clone or fork, since the system call is not over. Any stop cancels the interrupt that was asked
 * for, so the caller asks for it again: it comes before further signals and before the first
 * instruction of a handler. */
static bool is_in_the_midst(const struct inferior *inferior, const struct tracee *thread,
                            const struct event *event, int told)
{
    if (told)
        return is_fork(event) || (event->reason == EVENT_SIGNAL && !inferior->keeps_signals);
    return !thread->at_trap && !thread->passes;
}

/* Keeps what has happened for the next wait. */
static int keep(struct inferior *inferior, const struct event *event)
{
    if (event->reason == EVENT_SIGNAL && !inferior->keeps_signals)
        return 0; /* it is delivered */
    if (event->reason == EVENT_VFORK) { /* else the thread would not stop */
        collect_let_go((pid_t)event->value);
        return 0;
    }
    if (event->reason == EVENT_EXEC)
        pending_drop(inferior, false);
    return pending_add(inferior, event);
}

/* Lets a thread go on to its next stop, which it is asked for. */
static int go_a_little(struct inferior *inferior, struct tracee *thread)
{
    int err = inferior_keep_options(inferior, thread);
    if (!err)
        err = debug_arm(inferior, thread);
    if (!err)
        err = tracee_interrupt(thread);
    enum tracee_resume how = thread->how == RESUME_STEP ? RESUME_CONT : thread->how;
    return err ? err : tracee_resume(thread, how);
}

/* Tells whether a thread that ptrace has stopped is about to be told of a trap. */
static bool owes_trap(const struct inferior *inferior, const struct tracee *thread)
{
    bool may = inferior->trap_list.count || inferior->debug_version || thread->how == RESUME_STEP;
    return may && thread->at_trap && tracee_owes_trap(thread);
}

/* Handles the stop of a thread: it stays stopped, or goes on until a stop that is in the midst of
 * nothing. */
static int settle(struct inferior *inferior, const struct event *event, int told)
{
    int err = told ? keep(inferior, event) : 0;
    struct tracee *thread = inferior_find(inferior, event->tid);
    if (err || !thread || thread->state == TRACEE_RUNNING)
        return err;
    if (is_in_the_midst(inferior, thread, event, told))
        err = go_a_little(inferior, thread);
    else if (!told && owes_trap(inferior, thread))
        err = tracee_resume(thread, thread->how); /* to that, at once */
    else
        err = thread->at_trap ? tracee_mend_call(thread) : 0;
    if (err == -ESRCH) /* gone: the next wait tells */
        thread->state = TRACEE_RUNNING;
    return err == -ESRCH ? 0 : err;
}

int inferior_settle_next(struct inferior *inferior, int timeout)
{
    struct event event = {0};
    int told = inferior_wait_stop(inferior, timeout, &event);
    return told < 0 ? told : settle(inferior, &event, told);
}

/* Selects a thread if it is stopped, else another one that is. */
static void select_stopped(struct inferior *inferior, pid_t tid)
{
    if (inferior_find(inferior, tid))
        inferior->selected = tid;
    for (size_t i = 0; i < inferior->thread_count && !inferior_thread(inferior, 0); i++)
        if (inferior->threads[i].state != TRACEE_RUNNING)
            inferior->selected = inferior->threads[i].tid;
}

/* Waits for one thread that runs until the next tick, and lets it settle. Returns 1; 0: nothing is
 * to be told of it; or -errno. */
static int settle_this(struct inferior *inferior, struct tracee *thread)
{
    struct event event = {0};
    int status = thread->status;
    bool had = thread->has_status;
    thread->has_status = false;
    pid_t tid = had ? thread->tid : collect_look_until_tick(thread->tid, &status);
    if (tid <= 0)
        return 0;
    int told = event_take(inferior, thread, status, &event);
    if (told >= 0)
        told = settle(inferior, &event, told);
    return told < 0 ? told : 1;
}

/* Waits for the threads one after the other, from number `*from` on: that is quickest, since the
 * kernel goes through all threads for whoever waits for any. One that does not stop before the next
 * tick may wait for another one: then the caller waits for any, and next time this begins after
 * that one. The first thread's end is withheld until the others' are collected, so only the caller
 * waits for it. */
static int settle_in_turn(struct inferior *inferior, int64_t deadline, size_t *from)
{
    struct ticker ticker;
    int n = ticker_begin(&ticker, TICK_MS);
    for (size_t left = inferior->thread_count; n > 0 && left > 0 && inferior->thread_count;) {
        struct tracee *thread = &inferior->threads[*from % inferior->thread_count];
        pid_t tid = thread->tid;
        if (thread->state == TRACEE_RUNNING && tid != inferior->pid)
            n = clock_is_past(deadline) ? 0 : settle_this(inferior, thread);
        thread = inferior_find(inferior, tid);
        bool goes_on = thread && thread->state == TRACEE_RUNNING && tid != inferior->pid;
        if (n > 0 && goes_on)
            continue;
        ++*from;
        left--;
    }
    ticker_end(&ticker);
    return n < 0 ? n : 0;
}

/* Lets one more thread settle, or all of them. */
static int settle_some(struct inferior *inferior, int timeout, int64_t deadline, size_t *from)
{
    int err = inferior->thread_count > 1 ? settle_in_turn(inferior, deadline, from) : 0;
    if (err || !somebody_runs(inferior))
        return err;
    return clock_is_past(deadline) ? -ETIMEDOUT : inferior_settle_next(inferior, timeout);
}

/* Interrupts the threads that run. One that is gone is no error. */
static int ask_to_stop(const struct inferior *inferior)
{
    int result = 0;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        const struct tracee *thread = &inferior->threads[i];
        int err = thread->state == TRACEE_RUNNING ? tracee_interrupt(thread) : 0;
        if (err && err != -ESRCH)
            result = err;
    }
    return result;
}

int inferior_stop(struct inferior *inferior, int timeout)
{
    pid_t selected = inferior->selected;
    size_t from = 0;
    int64_t deadline = timeout < 0 ? CLOCK_NEVER : clock_deadline(10 * timeout);
    int err = ask_to_stop(inferior);
    while (!err && somebody_runs(inferior))
        err = settle_some(inferior, timeout, deadline, &from);
    select_stopped(inferior, selected);
    if (inferior->thread_count == 0)
        return -ESRCH;
    return err ? err : rseq_leave(inferior, inferior_thread(inferior, 0));
}

int inferior_select(struct inferior *inferior, pid_t tid)
{
    const struct tracee *thread = inferior_thread(inferior, tid);
    if (!thread)
        return -ESRCH;
    inferior->selected = thread->tid;
    return rseq_leave(inferior, thread);
}
