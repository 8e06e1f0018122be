/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/event.h"

#include "proc/process.h"
#include "ptrace/breakpoint.h"
#include "ptrace/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

/* A thread has ended. The process has ended with it if it was the last one or the leader: the
 * kernel tells of the leader's end only after the others'. */
static int take_end(struct inferior *inferior, pid_t tid, int status, struct event *event)
{
    bool last = inferior->thread_count == 1 || tid == inferior->pid;
    event->reason = !last                 ? EVENT_THREAD_EXITED
                    : WIFSIGNALED(status) ? EVENT_EXITED_SIGNALLED
                                          : EVENT_EXITED;
    event->number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    event->core_dumped = WIFSIGNALED(status) && WCOREDUMP(status);
    inferior_remove(inferior, tid);
    if (last) {
        inferior->thread_count = 0;
        inferior->exited = true;
    }
    return 1;
}

/* PTRACE_EVENT_EXEC stops the thread inside execve: its registers still say so, and the kernel has
 * yet to write the call's result, 0. So the thread goes on to the stop at the return of execve.
 * Other threads, the old mappings and the breakpoints are gone. */
static int take_exec(struct inferior *inferior, struct event *event)
{
    struct tracee leader = {.tid = inferior->pid, .state = TRACEE_STOPPED};
    inferior->threads[0] = leader;
    inferior->thread_count = 1;
    inferior->selected = leader.tid;
    inferior->syscall_insn = 0;
    memset(inferior->breakpoints, 0, sizeof inferior->breakpoints);
    memory_reopen(inferior);
    int status, err = tracee_resume(&inferior->threads[0], RESUME_SYSCALL);
    if (!err)
        err = tracee_wait(&inferior->threads[0], &status);
    if (err)
        return err;
    if (!WIFSTOPPED(status))
        return take_end(inferior, leader.tid, status, event);
    inferior->threads[0].state = TRACEE_STOPPED;
    event->reason = EVENT_EXEC;
    return WSTOPSIG(status) == TRACEE_SYSCALL_STOP ? 1 : -EPROTO;
}

static int take_fork(const struct tracee *parent, enum event_reason reason, struct event *event)
{
    unsigned long pid;
    int err = tracee_event_message(parent, &pid);
    if (err)
        return err;
    event->reason = reason;
    event->value = (int64_t)pid;
    return 1;
}

/* Tells whether a new task is a process of its own. PTRACE_EVENT_CLONE tells of threads, and also
 * of processes whose end gives another signal than SIGCHLD. */
static bool is_process(const struct inferior *inferior, pid_t tid)
{
    uint64_t group;
    return process_status(tid, "Tgid", 10, &group) == 0 && (pid_t)group != inferior->pid;
}

static int take_clone(struct inferior *inferior, const struct tracee *parent, struct event *event)
{
    unsigned long tid;
    int err = tracee_event_message(parent, &tid);
    if (err)
        return err;
    if (inferior_follows_fork(inferior) && is_process(inferior, (pid_t)tid))
        return take_fork(parent, EVENT_FORK, event);
    struct tracee *thread = inferior_add(inferior, (pid_t)tid);
    if (!thread)
        return -ENOMEM;
    thread->fresh = true;
    return 0;
}

/* Takes in the first stop of a new task. One that is a process of its own is let go. */
static int take_fresh(struct inferior *inferior, struct tracee *thread)
{
    thread->fresh = false;
    if (is_process(inferior, thread->tid)) {
        tracee_detach(thread);
        inferior_remove(inferior, thread->tid);
        return 0;
    }
    return breakpoint_arm_thread(inferior, thread);
}

/* SIGTRAP has many senders: siginfo tells a breakpoint and a step from a signal that some process
 * sent. */
static int take_trap(struct inferior *inferior, struct tracee *thread, struct event *event)
{
    siginfo_t info;
    int err = tracee_siginfo(thread, &info);
    if (err)
        return err;
    if (info.si_code == TRAP_TRACE) {
        event->reason = EVENT_STEP;
        return 1;
    }
    if (info.si_code > 0 && breakpoint_hit(inferior, thread, &event->address)) {
        event->reason = EVENT_BREAKPOINT;
        return 1;
    }
    thread->signal = SIGTRAP;
    event->reason = EVENT_SIGNAL;
    event->number = SIGTRAP;
    return 1;
}

static int take_syscall(struct tracee *thread, struct event *event)
{
    int err = tracee_syscall_info(thread, &thread->at_entry, &event->value, event->arguments);
    if (err)
        return err;
    event->reason = thread->at_entry ? EVENT_SYSCALL_ENTRY : EVENT_SYSCALL_RETURN;
    return 1;
}

int event_take(struct inferior *inferior, struct tracee *thread, int status, struct event *event)
{
    *event = (struct event){.tid = thread->tid};
    if (!WIFSTOPPED(status))
        return take_end(inferior, thread->tid, status, event);
    thread->state = TRACEE_STOPPED;
    int signal = WSTOPSIG(status), kind = status >> 16;
    thread->at_trap = kind == PTRACE_EVENT_STOP;
    if (kind == PTRACE_EVENT_EXEC)
        return take_exec(inferior, event);
    if (kind == PTRACE_EVENT_CLONE)
        return take_clone(inferior, thread, event);
    if (kind == PTRACE_EVENT_FORK)
        return take_fork(thread, EVENT_FORK, event);
    if (kind == PTRACE_EVENT_VFORK)
        return take_fork(thread, EVENT_VFORK, event);
    if (kind == PTRACE_EVENT_STOP && thread->fresh)
        return take_fresh(inferior, thread);
    if (kind == PTRACE_EVENT_STOP && signal != SIGTRAP) {
        thread->state = TRACEE_GROUP_STOPPED;
        event->reason = EVENT_GROUP_STOP;
        event->number = signal;
        return 1;
    }
    if (kind != 0)
        return 0; /* the trap of an interrupt, or of SIGCONT after a group stop */
    if (signal == TRACEE_SYSCALL_STOP)
        return take_syscall(thread, event);
    if (signal == SIGTRAP)
        return take_trap(inferior, thread, event);
    thread->signal = signal;
    event->reason = EVENT_SIGNAL;
    event->number = signal;
    return 1;
}
