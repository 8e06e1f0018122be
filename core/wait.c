/* SPDX-License-Identifier: Apache-2.0
 * From wait statuses to events. */
#include "breakpoint.h"
#include "inferior.h"
#include "memory.h"
#include "process.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYSCALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Looks once at each running thread. Returns 1 and its status, 0 when none has news, or -errno. */
static int poll_threads(struct inferior *inferior, struct tracee **found, int *status)
{
    for (size_t i = 0; i < inferior->thread_count; i++) {
        struct tracee *thread = &inferior->threads[i];
        if (thread->state != TRACEE_RUNNING)
            continue;
        pid_t tid = waitpid(thread->tid, status, __WALL | WNOHANG);
        if (tid == 0)
            continue;
        if (tid < 0 && errno == ECHILD)
            *status = 0; /* gone without a word: exit 0 of a thread that somebody else collected */
        else if (tid < 0)
            return -errno;
        *found = thread;
        return 1;
    }
    return 0;
}

/* Sleeps until some child has news. It may be a child of the caller that is no business of ours, so
 * its status is left in place; then only a short nap is taken. */
static void sleep_for_news(const struct inferior *inferior, int64_t deadline, long *nap_us)
{
    siginfo_t info = {0};
    if (deadline < 0 && waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT | __WALL) == 0) {
        for (size_t i = 0; i < inferior->thread_count; i++)
            if (inferior->threads[i].tid == info.si_pid)
                return;
    }
    struct timespec nap = {0, *nap_us * 1000};
    nanosleep(&nap, NULL);
    if (*nap_us < 2000)
        *nap_us *= 2;
}

static bool nobody_runs(const struct inferior *inferior)
{
    for (size_t i = 0; i < inferior->thread_count; i++)
        if (inferior->threads[i].state != TRACEE_STOPPED)
            return false;
    return true;
}

/* -ECHILD: all threads are stopped, so that nothing will ever happen. */
static int wait_any(struct inferior *inferior, int64_t deadline, struct tracee **found, int *status)
{
    struct tracee *first = inferior->threads;
    if (nobody_runs(inferior))
        return -ECHILD;
    if (inferior->thread_count == 1 && deadline < 0 && first->state == TRACEE_RUNNING) {
        *found = first;
        return tracee_wait(first, status);
    }
    for (long nap_us = 20;;) {
        int n = poll_threads(inferior, found, status);
        if (n)
            return n < 0 ? n : 0;
        if (deadline >= 0 && now_ms() >= deadline)
            return -ETIMEDOUT;
        sleep_for_news(inferior, deadline, &nap_us);
    }
}

/* A thread, or with the last one the process, has ended. */
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

/* PTRACE_EVENT_EXEC comes inside execve: the registers still say so, and its 0 is yet to be written.
 * So go on to the stop at its return. Other threads, old mappings and breakpoints are gone. */
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
    return WSTOPSIG(status) == SYSCALL_STOP ? 1 : -EPROTO;
}

static int take_clone(struct inferior *inferior, const struct tracee *parent)
{
    unsigned long tid;
    int err = tracee_event_message(parent, &tid);
    if (err)
        return err;
    struct tracee *thread = inferior_add(inferior, (pid_t)tid);
    if (!thread)
        return -ENOMEM;
    thread->fresh = true;
    return 0;
}

static int take_fork(const struct tracee *parent, struct event *event)
{
    unsigned long pid;
    int err = tracee_event_message(parent, &pid);
    if (err)
        return err;
    event->reason = EVENT_FORK;
    event->value = (int64_t)pid;
    return 1;
}

/* First stop of a new task. One that shares memory but is a process of its own is let go. */
static int take_fresh(struct inferior *inferior, struct tracee *thread)
{
    uint64_t group;
    thread->fresh = false;
    if (process_status(thread->tid, "Tgid", 10, &group) == 0 && (pid_t)group != inferior->pid) {
        tracee_detach(thread);
        inferior_remove(inferior, thread->tid);
        return 0;
    }
    return breakpoint_arm_thread(inferior, thread);
}

/* SIGTRAP has many senders; siginfo tells a breakpoint and a step from a signal like any other. */
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

static int take_syscall(const struct tracee *thread, struct event *event)
{
    bool entry;
    int err = tracee_syscall_info(thread, &entry, &event->value, event->arguments);
    if (err)
        return err;
    event->reason = entry ? EVENT_SYSCALL_ENTRY : EVENT_SYSCALL_RETURN;
    return 1;
}

int inferior_take(struct inferior *inferior, struct tracee *thread, int status, struct event *event)
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
        return take_clone(inferior, thread);
    if (kind == PTRACE_EVENT_FORK)
        return take_fork(thread, event);
    if (kind == PTRACE_EVENT_STOP && thread->fresh)
        return take_fresh(inferior, thread);
    if (kind == PTRACE_EVENT_STOP && signal != SIGTRAP) {
        thread->state = TRACEE_GROUP_STOPPED;
        event->reason = EVENT_GROUP_STOP;
        event->number = signal;
        return 1;
    }
    if (kind != 0)
        return 0; /* an interrupt that came late, or SIGCONT after a group stop */
    if (signal == SYSCALL_STOP)
        return take_syscall(thread, event);
    if (signal == SIGTRAP)
        return take_trap(inferior, thread, event);
    thread->signal = signal;
    event->reason = EVENT_SIGNAL;
    event->number = signal;
    return 1;
}

/* A process that was let go, but is our child: only its end is left to wait for. */
static int wait_child(struct inferior *inferior, int64_t deadline, struct event *event)
{
    long nap_us = 20;
    int status;
    *event = (struct event){.tid = inferior->pid};
    if (!inferior->child || inferior->exited)
        return -ESRCH;
    for (;;) {
        pid_t pid = waitpid(inferior->pid, &status, deadline < 0 ? 0 : WNOHANG);
        if (pid > 0) {
            take_end(inferior, pid, status, event);
            return 0;
        }
        if (pid < 0 && errno != EINTR)
            return -errno;
        if (pid == 0 && now_ms() >= deadline)
            return -ETIMEDOUT;
        if (pid == 0)
            sleep_for_news(inferior, deadline, &nap_us);
    }
}

int inferior_wait_stop(struct inferior *inferior, int timeout, struct event *event)
{
    struct tracee *thread;
    int status, err = wait_any(inferior, timeout < 0 ? -1 : now_ms() + timeout, &thread, &status);
    if (!err)
        err = inferior_take(inferior, thread, status, event);
    return err;
}

int inferior_wait(struct inferior *inferior, int timeout, struct event *event)
{
    int64_t deadline = timeout < 0 ? -1 : now_ms() + timeout;
    if (inferior->thread_count == 0)
        return wait_child(inferior, deadline, event);
    for (;;) {
        struct tracee *thread = NULL;
        int status, err = wait_any(inferior, deadline, &thread, &status);
        if (err || !thread)
            return err;
        pid_t tid = thread->tid;
        int told = inferior_take(inferior, thread, status, event);
        if (told < 0)
            return told;
        if (told) {
            inferior->selected = event->tid;
            return 0;
        }
        thread = inferior_find(inferior, tid);
        if (thread)
            tracee_resume(thread, thread->how);
    }
}
