/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/attach.h"

#include "base/clock.h"
#include "base/ticker.h"
#include "proc/process.h"
#include "ptrace/birth.h"
#include "ptrace/collect.h"
#include "ptrace/debug.h"
#include "ptrace/newborn.h"
#include "ptrace/pending.h"
#include "ptrace/run.h"
#include "ptrace/stop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS (PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD)

#define TICK_MS  10   /* between two tries to seize a thread */
#define MORE_TRIES 2
#define LEAVE_MS 50   /* that threads are given to stop once an attach has failed */
#define ADOPT_MS 5000 /* the longest that a new process may take to stop */

/* Reading /proc/PID/task may leave out a thread when others end meanwhile. So it is read LOOKS
 * times; and up to MORE_LOOKS times while it lists fewer threads than the kernel counts. Where a
 * thread is a zombie it always lists fewer. */
#define LOOKS      3
#define MORE_LOOKS 30

/* What an attach has left of its time, and what it has seen. */
struct attempt {
    struct inferior *inferior;
    int timeout;
    int64_t deadline;
    size_t kernel_threads; /* in the last look at /proc/PID/task */
};

/* Tells whether a thread that could not be seized is traced by this process already, since one that
 * is traced has cloned it; or has ended. */
static bool needs_no_seizing(pid_t tid)
{
    uint64_t tracer = 0, size;
    return process_status(tid, "TracerPid", 10, &tracer) || (pid_t)tracer == getpid() ||
           process_status(tid, "VmSize", 10, &size); /* a zombie has no memory */
}

static int seize_it(void *tid) { return tracee_seize(*(const pid_t *)tid, OPTIONS); }

/* Notes when the first thread is asked to stop. */
static void note_stop(struct inferior *inferior)
{
    if (inferior->stop_began == 0)
        inferior->stop_began = clock_now();
}

/* Seizes one thread. While another thread of the process execs, the kernel lets PTRACE_SEIZE wait,
 * and that exec waits until the ends of the threads that are traced are collected: so that is done
 * between tries. */
static int seize(const struct attempt *attempt, pid_t tid)
{
    struct tracee tracee = {.tid = tid};
    int64_t deadline = clock_deadline(attempt->timeout);
    for (;;) {
        int err = ticker_limit(seize_it, &tid);
        if (err != -EINTR)
            return err;
        if (tracee_interrupt(&tracee) == 0) { /* it was seized, or born under trace */
            note_stop(attempt->inferior);
            return 0;
        }
        collect_now();
        if (clock_is_past(deadline) || clock_is_past(attempt->deadline))
            return -ETIMEDOUT;
    }
}

/* Seizes one thread that is not in the table yet. Returns 1; 0 if there is nothing to seize; or
 * -errno. */
static int seize_thread(struct attempt *attempt, pid_t tid)
{
    if (process_is_kernel_thread(tid)) {
        attempt->kernel_threads++;
        return 0;
    }
    pid_t child;
    bool armed;
    int err = newborn_reclaim(tid, &child, &armed) ? 0 : seize(attempt, tid);
    /* The last look may have been at a zombie, whose id another thread has taken by exec since. */
    for (int i = 0; err == -EPERM && !needs_no_seizing(tid) && i < MORE_TRIES; i++)
        err = seize(attempt, tid);
    if (err == -ESRCH || (err == -EPERM && needs_no_seizing(tid)))
        return 0;
    struct tracee *thread = err ? NULL : inferior_add(attempt->inferior, tid);
    if (!err && !thread)
        err = -ENOMEM; /* the kernel lets it go when this process ends */
    if (thread)
        thread->vfork_child = child;
    if (thread && armed)
        debug_doubt(attempt->inferior, thread);
    return err ? err : 1;
}

/* Seizes all threads that are not in the table yet. Returns how many, or -errno. */
static int seize_new(struct attempt *attempt)
{
    struct ticker ticker = {.runs = false};
    pid_t *tids;
    size_t count;
    int seized = 0, n = 0, err = process_threads(attempt->inferior->pid, &tids, &count);
    if (err)
        return err == -ENOENT ? -ESRCH : err;
    attempt->kernel_threads = 0;
    for (size_t i = 0; i < count && n >= 0; i++) {
        if (inferior_find(attempt->inferior, tids[i]))
            continue;
        if (!ticker.runs) /* most looks find nothing new */
            ticker_begin(&ticker, TICK_MS);
        n = seize_thread(attempt, tids[i]);
        seized += n > 0;
    }
    ticker_end(&ticker);
    free(tids);
    return n < 0 ? n : seized;
}

/* Tells whether /proc/PID/task was read often enough without anything new. */
static bool is_enough(const struct attempt *attempt, int looks)
{
    const struct inferior *inferior = attempt->inferior;
    uint64_t threads = 0;
    if (looks < LOOKS)
        return false;
    return looks >= MORE_LOOKS || process_status(inferior->pid, "Threads", 10, &threads) ||
           threads <= inferior->thread_count + attempt->kernel_threads;
}

/* Tells whether threads were killed since they were stopped. Where one execs the kernel kills all
 * others at once, and all where the process ends: so two threads tell. */
static bool has_lost(struct inferior *inferior)
{
    bool lost = false;
    int asked = 0;
    for (size_t i = 0; i < inferior->thread_count && asked < 2 && !lost; i++) {
        struct tracee *thread = &inferior->threads[i];
        if (thread->state == TRACEE_RUNNING)
            continue;
        lost = tracee_was_killed(thread);
        asked++;
    }
    return lost;
}

/* Seizes and stops what there is. Returns 0 when nothing new is left, or -errno; -EAGAIN: all the
 * threads that were seized have ended. */
static int take_all(struct attempt *attempt)
{
    struct inferior *inferior = attempt->inferior;
    int seized, err;
    /* A thread may start another one just before it is seized: a later look finds that one. */
    do {
        do
            seized = seize_new(attempt);
        while (seized > 0 && !clock_is_past(attempt->deadline));
        if (seized < 0)
            return seized;
        if (inferior->thread_count == 0)
            return -EAGAIN;
        note_stop(inferior);
        err = inferior_stop(inferior, attempt->timeout);
        seized = 0;
        for (int looks = 0; !err && seized == 0 && !is_enough(attempt, looks); looks++)
            seized = seize_new(attempt);
        if (!err && seized == 0)
            seized = has_lost(inferior);
        if (!err && seized > 0 && clock_is_past(attempt->deadline))
            err = -ETIMEDOUT;
    } while (!err && seized > 0);
    return err == -ESRCH ? -EAGAIN : err ? err : seized;
}

/* Tells whether a process has a thread that could be seized. */
static bool has_ended(pid_t pid)
{
    uint64_t size;
    return process_status(process_living(pid), "VmSize", 10, &size) != 0;
}

int inferior_attach(struct inferior *inferior, pid_t pid, int timeout)
{
    struct attempt attempt = {inferior, timeout, clock_deadline(timeout < 0 ? -1 : 10 * timeout),
                              0};
    uint64_t group;
    int err = process_status(pid, "Tgid", 10, &group) ? -ESRCH : (pid_t)group == pid ? 0 : -EINVAL;
    *inferior = (struct inferior){.mem = -1, .pidfd = -1};
    if (err)
        return err;
    inferior_init_empty(inferior, pid, OPTIONS);
    /* Where a thread that is not traced yet execs, all that are have ended. */
    while ((err = take_all(&attempt)) == -EAGAIN) {
        if (clock_is_past(attempt.deadline))
            err = -ETIMEDOUT;
        else if (has_ended(pid))
            err = -ESRCH;
        if (err != -EAGAIN)
            break;
        pending_drop(inferior, true);
        inferior->exited = false;
        inferior->selected = pid;
    }
    pending_drop(inferior, true); /* what happened before is told to nobody */
    if (!err && !inferior_thread(inferior, 0)) /* the first thread has ended, others live on */
        inferior->selected = inferior->threads[0].tid;
    if (err && inferior->thread_count)
        inferior_detach_within(inferior, LEAVE_MS);
    if (err)
        inferior_free(inferior);
    return err;
}

int inferior_adopt(const struct inferior *parent, pid_t pid, struct inferior *child)
{
    int status = 0, err = inferior_init(child, pid, parent->options, false);
    if (!err)
        err = collect_wait(child->threads, clock_deadline(ADOPT_MS), &status);
    if (!err && !WIFSTOPPED(status)) {
        inferior_remove_all(child);
        err = -ESRCH;
    }
    if (!err) {
        child->threads[0].state = TRACEE_STOPPED;
        err = birth_adopt(parent, child);
    }
    if (err)
        inferior_free(child);
    if (err && err != -ESRCH) {
        newborn_leave(pid, status);
    }
    return err;
}
