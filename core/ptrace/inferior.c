/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/inferior.h"

#include "ptrace/beside.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FORKS     ((unsigned)(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK))
#define SEE_FORKS (FORKS | (unsigned)PTRACE_O_TRACEVFORKDONE)
#define FIRST_ROOM 8
#define CALL_MS    10000 /* reading a large file from a slow disk */

static struct inferior *all; /* that this process has: a traced task is of one of them, or astray */

void inferior_init_empty(struct inferior *inferior, pid_t pid, unsigned options)
{
    *inferior = (struct inferior){.pid = pid,
                                  .pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
                                  .mem = -1,
                                  .options = options,
                                  .selected = pid,
                                  .call_ms = CALL_MS,
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

struct inferior *inferior_first(void) { return all; }

bool inferior_is_same(const struct inferior *inferior)
{
    if (inferior->thread_count)
        return true; /* a process that is traced keeps its id */
    return !inferior->exited && inferior->pidfd >= 0 &&
           syscall(SYS_pidfd_send_signal, inferior->pidfd, 0, NULL, 0) == 0;
}

int inferior_send_kill(const struct inferior *inferior)
{
    beside_end_any();
    long err = inferior->pidfd >= 0
                   ? syscall(SYS_pidfd_send_signal, inferior->pidfd, SIGKILL, NULL, 0)
                   : kill(inferior->pid, SIGKILL);
    return err < 0 ? -errno : 0;
}

static int set_its_options(struct tracee *thread, unsigned options)
{
    int err = tracee_set_options(thread, options);
    if (!err)
        thread->options = options;
    return err == -ESRCH ? 0 : err; /* it was killed, as wait will tell */
}

int inferior_keep_options(const struct inferior *inferior, struct tracee *thread)
{
    return thread->options == inferior->options ? 0 : set_its_options(thread, inferior->options);
}

/* Sets options in every stopped thread. Each thread has its own options and passes them on to
 * threads and processes that it starts. */
static int set_options(struct inferior *inferior, unsigned options)
{
    int err = 0;
    for (size_t i = 0; i < inferior->thread_count && !err; i++)
        if (inferior->threads[i].state != TRACEE_RUNNING || inferior->threads[i].has_status)
            err = set_its_options(&inferior->threads[i], options);
    if (!err)
        inferior->options = options;
    return err;
}

int inferior_see_forks(struct inferior *inferior)
{
    bool sees = (inferior->options & SEE_FORKS) == SEE_FORKS;
    return sees ? 0 : set_options(inferior, inferior->options | SEE_FORKS);
}

int inferior_see_filters(struct inferior *inferior)
{
    int err = set_options(inferior, inferior->options | (unsigned)PTRACE_O_TRACESECCOMP);
    if (!err)
        inferior->is_filtered = true;
    return err;
}

int inferior_follow_fork(struct inferior *inferior, bool follow, bool tells_done)
{
    unsigned options = inferior->options, more = tells_done ? SEE_FORKS : FORKS;
    if (!inferior_thread(inferior, 0))
        return inferior_no_thread(inferior, 0);
    bool sees = follow || options & PTRACE_O_TRACEVFORKDONE;
    int err = set_options(inferior, sees ? options | more : options & ~FORKS);
    if (err)
        return err;
    inferior->follows = follow;
    inferior->tells_vfork_done = tells_done;
    return 0;
}

int inferior_exit_kill(struct inferior *inferior, bool on)
{
    unsigned kill = (unsigned)PTRACE_O_EXITKILL, options = inferior->options;
    if (!inferior_thread(inferior, 0))
        return inferior_no_thread(inferior, 0);
    if (!on)
        beside_end_any();
    return set_options(inferior, on ? options | kill : options & ~kill);
}

void inferior_stay_beside(struct inferior *inferior, bool on)
{
    inferior->stays_beside = on;
    if (!on)
        beside_end_any();
}

static struct threads table_of(const struct inferior *inferior)
{
    return (struct threads){inferior->threads, inferior->thread_count};
}

struct tracee *inferior_find(struct inferior *inferior, pid_t tid)
{
    size_t place = places_find(&inferior->places, table_of(inferior), tid);
    return place == PLACES_NONE ? NULL : &inferior->threads[place];
}

void *inferior_grow(void *items, struct list *list, size_t size)
{
    if (list->count < list->capacity)
        return items;
    size_t larger = list->capacity ? list->capacity * 2 : FIRST_ROOM;
    void *moved = realloc(items, larger * size);
    if (moved)
        list->capacity = larger;
    return moved;
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
    *thread = (struct tracee){.tid = tid, .state = TRACEE_RUNNING, .options = inferior->options};
    if (places_add(&inferior->places, table_of(inferior)))
        return thread;
    inferior->thread_count--;
    return NULL;
}

void inferior_remove(struct inferior *inferior, pid_t tid)
{
    struct tracee *thread = inferior_find(inferior, tid);
    beside_end(tid);
    if (thread) {
        places_remove(&inferior->places, table_of(inferior), (size_t)(thread - inferior->threads));
        *thread = inferior->threads[--inferior->thread_count];
    }
    if (inferior->selected != tid)
        return;
    inferior->selected = inferior->pid;
    if (inferior->threads && inferior->thread_count && !inferior_find(inferior, inferior->pid))
        inferior->selected = inferior->threads[0].tid;
}

void inferior_remove_all(struct inferior *inferior)
{
    beside_end_any();
    inferior->thread_count = 0;
    places_clear(&inferior->places);
}

bool inferior_moment(const struct inferior *inferior, uint64_t *moment)
{
    *moment = tracee_resumes();
    for (size_t i = 0; i < inferior->thread_count; i++)
        if (inferior->threads[i].state == TRACEE_RUNNING)
            return false;
    return inferior->thread_count > 0;
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

int inferior_no_thread(struct inferior *inferior, pid_t tid)
{
    const struct tracee *thread = inferior_find(inferior, tid ? tid : inferior->selected);
    return thread && !tracee_has_ended(thread) ? -EBUSY : -ESRCH;
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
    places_clear(&inferior->places);
    free(inferior->threads);
    free(inferior->breakpoints);
    free(inferior->watchpoints);
    free(inferior->traps);
    free(inferior->pending);
    inferior->breakpoints = NULL;
    inferior->watchpoints = NULL;
    inferior->traps = NULL;
    inferior->pending = NULL;
    inferior->breakpoint_list = inferior->watchpoint_list = (struct list){0, 0};
    inferior->trap_list = inferior->pending_list = (struct list){0, 0};
    inferior->threads = NULL;
    inferior->thread_count = inferior->thread_capacity = 0;
    inferior->mem = inferior->pidfd = -1;
}

void inferior_move(struct inferior *to, struct inferior *from)
{
    forget(from);
    *to = *from;
    to->next = all;
    all = to;
    *from = (struct inferior){.pidfd = -1, .mem = -1};
}
