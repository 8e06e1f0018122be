/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/attach.h"

#include "proc/process.h"
#include "ptrace/run.h"
#include "ptrace/stop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS (PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD)

/* Reading /proc/PID/task may leave out a thread when others end meanwhile. So it is read LOOKS
 * times; and up to MORE_LOOKS times while it lists fewer threads than the kernel counts. Where a
 * thread is a zombie it always lists fewer. */
#define LOOKS      3
#define MORE_LOOKS 30

/* Tells whether a thread that could not be seized is traced by this process already, since one that
 * is traced has cloned it; or has ended. */
static bool needs_no_seizing(pid_t tid)
{
    uint64_t tracer = 0, size;
    return process_status(tid, "TracerPid", 10, &tracer) || (pid_t)tracer == getpid() ||
           process_status(tid, "VmSize", 10, &size); /* a zombie has no memory */
}

/* Seizes all threads that are not in the table yet. Returns how many, or -errno. */
static int seize_new(struct inferior *inferior)
{
    pid_t *tids;
    size_t count;
    int seized = 0, err = process_threads(inferior->pid, &tids, &count);
    if (err)
        return err;
    for (size_t i = 0; i < count && !err; i++) {
        if (inferior_find(inferior, tids[i]))
            continue;
        err = tracee_seize(tids[i], OPTIONS);
        if (err == -ESRCH || (err == -EPERM && needs_no_seizing(tids[i]))) {
            err = 0;
            continue;
        }
        if (!err && !inferior_add(inferior, tids[i]))
            err = -ENOMEM; /* the kernel lets it go when this process ends */
        seized += !err;
    }
    free(tids);
    return err ? err : seized;
}

/* Tells whether /proc/PID/task was read often enough without anything new. */
static bool is_enough(const struct inferior *inferior, int looks)
{
    uint64_t threads = 0;
    if (looks < LOOKS)
        return false;
    return looks >= MORE_LOOKS || process_status(inferior->pid, "Threads", 10, &threads) ||
           threads <= inferior->thread_count;
}

int inferior_attach(struct inferior *inferior, pid_t pid, int timeout)
{
    *inferior = (struct inferior){.pid = pid, .mem = -1, .options = OPTIONS, .selected = pid};
    int seized, err = 0;
    /* A thread may start another one just before it is seized: a later look finds that one. */
    do {
        do
            seized = seize_new(inferior);
        while (seized > 0);
        err = seized < 0 ? seized : inferior_stop(inferior, timeout);
        seized = 0;
        for (int looks = 0; !err && seized == 0 && !is_enough(inferior, looks); looks++)
            seized = seize_new(inferior);
    } while (!err && seized > 0);
    if (!err && seized < 0)
        err = seized;
    if (!err && !inferior_find(inferior, pid)) /* the first thread has ended, others live on */
        inferior->selected = inferior->threads[0].tid;
    if (err && inferior->thread_count)
        inferior_detach(inferior);
    if (err)
        inferior_free(inferior);
    return err;
}

int inferior_adopt(const struct inferior *parent, pid_t pid, struct inferior *child)
{
    int status, err = inferior_init(child, pid, parent->options, false);
    if (!err)
        err = tracee_wait(child->threads, &status);
    if (!err && !WIFSTOPPED(status)) {
        child->thread_count = 0;
        err = -ESRCH;
    }
    if (err)
        inferior_free(child);
    else
        child->threads[0].state = TRACEE_STOPPED;
    return err;
}
