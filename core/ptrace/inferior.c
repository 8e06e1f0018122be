/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/inferior.h"

#include "ptrace/breakpoint.h"
#include "ptrace/memory.h"
#include "proc/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS ((unsigned)(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK))

int inferior_init(struct inferior *inferior, pid_t pid, unsigned options, bool child)
{
    *inferior = (struct inferior){
        .pid = pid, .child = child, .mem = -1, .options = options, .selected = pid};
    return inferior_add(inferior, pid) ? 0 : -ENOMEM;
}

/* Of every thread that is stopped: each has its own, and gives it to those that it starts. */
static int set_option(struct inferior *inferior, unsigned option, bool on)
{
    unsigned options = on ? inferior->options | option : inferior->options & ~option;
    int err = inferior_thread(inferior, 0) ? 0 : -ESRCH;
    for (size_t i = 0; i < inferior->thread_count && !err; i++)
        if (inferior->threads[i].state != TRACEE_RUNNING)
            err = tracee_set_options(&inferior->threads[i], options);
    if (!err)
        inferior->options = options;
    return err;
}

int inferior_follow_fork(struct inferior *inferior, bool follow)
{
    return set_option(inferior, FORKS, follow);
}

bool inferior_follows_fork(const struct inferior *inferior) { return inferior->options & FORKS; }

int inferior_exit_kill(struct inferior *inferior, bool on)
{
    return set_option(inferior, (unsigned)PTRACE_O_EXITKILL, on);
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

struct tracee *inferior_find(struct inferior *inferior, pid_t tid)
{
    for (size_t i = 0; i < inferior->thread_count; i++)
        if (inferior->threads[i].tid == tid)
            return &inferior->threads[i];
    return NULL;
}

struct tracee *inferior_add(struct inferior *inferior, pid_t tid)
{
    if (inferior->thread_count == inferior->thread_capacity) {
        size_t larger = inferior->thread_capacity ? inferior->thread_capacity * 2 : 8;
        struct tracee *threads = realloc(inferior->threads, larger * sizeof *threads);
        if (!threads)
            return NULL;
        inferior->threads = threads;
        inferior->thread_capacity = larger;
    }
    struct tracee *thread = &inferior->threads[inferior->thread_count++];
    *thread = (struct tracee){.tid = tid, .state = TRACEE_RUNNING};
    return thread;
}

void inferior_remove(struct inferior *inferior, pid_t tid)
{
    struct tracee *thread = inferior_find(inferior, tid);
    if (thread)
        *thread = inferior->threads[--inferior->thread_count];
    if (inferior->selected == tid)
        inferior->selected = inferior->pid;
}

struct tracee *inferior_thread(struct inferior *inferior, pid_t tid)
{
    struct tracee *thread = inferior_find(inferior, tid ? tid : inferior->selected);
    return thread && thread->state != TRACEE_RUNNING ? thread : NULL;
}

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
    if (inferior->exited)
        return -ESRCH;
    if (kill(inferior->pid, SIGKILL) < 0)
        return -errno;
    for (size_t i = 0; i < inferior->thread_count; i++)
        inferior->threads[i].state = TRACEE_RUNNING; /* towards its end, for wait to see */
    return 0;
}

void inferior_free(struct inferior *inferior)
{
    if (inferior->mem >= 0)
        close(inferior->mem);
    free(inferior->threads);
    inferior->threads = NULL;
    inferior->thread_count = inferior->thread_capacity = 0;
    inferior->mem = -1;
}
