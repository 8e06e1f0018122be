/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/inferior.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FORKS ((unsigned)(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK))

static struct inferior *all; /* that this process has: a traced task is of one of them, or astray */

void inferior_init_empty(struct inferior *inferior, pid_t pid, unsigned options)
{
    *inferior = (struct inferior){.pid = pid,
                                  .pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
                                  .mem = -1,
                                  .options = options,
                                  .selected = pid,
                                  .next = all};
    all = inferior;
}

int inferior_init(struct inferior *inferior, pid_t pid, unsigned options, bool child)
{
    inferior_init_empty(inferior, pid, options);
    inferior->child = child;
    return inferior_add(inferior, pid) ? 0 : -ENOMEM;
}

struct tracee *inferior_find_any(pid_t tid)
{
    struct tracee *thread = NULL;
    for (struct inferior *one = all; one && !thread; one = one->next)
        thread = inferior_find(one, tid);
    return thread;
}

struct inferior *inferior_of_process(pid_t pid)
{
    struct inferior *one = all;
    while (one && one->pid != pid)
        one = one->next;
    return one;
}

int inferior_send_kill(const struct inferior *inferior)
{
    long err = inferior->pidfd >= 0
                   ? syscall(SYS_pidfd_send_signal, inferior->pidfd, SIGKILL, NULL, 0)
                   : kill(inferior->pid, SIGKILL);
    return err < 0 ? -errno : 0;
}

/* Sets an option in every stopped thread. Each thread has its own options and passes them on to
 * threads and processes that it starts. */
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
        inferior->selected = inferior->thread_count && !inferior_find(inferior, inferior->pid)
                                 ? inferior->threads[0].tid
                                 : inferior->pid;
}

bool inferior_is_stopped(struct inferior *inferior)
{
    bool stopped = true;
    for (size_t i = 0; i < inferior->thread_count && stopped; i++)
        stopped = inferior->threads[i].state == TRACEE_STOPPED;
    for (size_t i = 0; i < inferior->thread_count && stopped; i++)
        stopped = !tracee_was_killed(&inferior->threads[i]);
    return stopped;
}

struct tracee *inferior_thread(struct inferior *inferior, pid_t tid)
{
    struct tracee *thread = inferior_find(inferior, tid ? tid : inferior->selected);
    return thread && thread->state != TRACEE_RUNNING ? thread : NULL;
}

static void forget(const struct inferior *inferior)
{
    struct inferior **place = &all;
    while (*place && *place != inferior)
        place = &(*place)->next;
    if (*place)
        *place = inferior->next;
}

void inferior_free(struct inferior *inferior)
{
    forget(inferior);
    if (inferior->mem >= 0)
        close(inferior->mem);
    if (inferior->pidfd >= 0)
        close(inferior->pidfd);
    free(inferior->threads);
    inferior->threads = NULL;
    inferior->thread_count = inferior->thread_capacity = 0;
    inferior->mem = inferior->pidfd = -1;
}
