/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/inferior.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>

#define FORKS ((unsigned)(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK))

int inferior_init(struct inferior *inferior, pid_t pid, unsigned options, bool child)
{
    *inferior = (struct inferior){
        .pid = pid, .child = child, .mem = -1, .options = options, .selected = pid};
    return inferior_add(inferior, pid) ? 0 : -ENOMEM;
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
        inferior->selected = inferior->pid;
}

struct tracee *inferior_thread(struct inferior *inferior, pid_t tid)
{
    struct tracee *thread = inferior_find(inferior, tid ? tid : inferior->selected);
    return thread && thread->state != TRACEE_RUNNING ? thread : NULL;
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
