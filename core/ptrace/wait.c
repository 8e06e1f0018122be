/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/wait.h"

#include "base/clock.h"
#include "base/ending.h"
#include "ptrace/collect.h"
#include "ptrace/go.h"
#include "ptrace/newborn.h"
#include "ptrace/pending.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* A thread, and a wait status of that thread that nobody has taken in yet. */
struct news {
    struct inferior *inferior;
    struct tracee *thread;
    int status;
};

struct several {
    struct inferior *const *list;
    size_t count;
    bool may_end; /* the wait ends when this process is about to end: see base/ending.h */
    int fd;       /* and when there is something to read from it; negative: none */
};

/* Looks for a thread with a kept status (see tracee_keep_status). Returns 1, or 0 when there is
 * none. */
static int look_for_kept(struct several these, struct news *news)
{
    for (size_t i = 0; i < these.count; i++)
        for (size_t j = 0; j < these.list[i]->thread_count; j++) {
            struct tracee *thread = &these.list[i]->threads[j];
            if (!thread->has_status)
                continue;
            *news = (struct news){these.list[i], thread, thread->status};
            thread->has_status = false;
            return 1;
        }
    return 0;
}

/* Looks for a process whose first thread has ended, and is back: by an exec of another thread, it
 * has the first one's id. */
static int look_for_leaders(struct several these, struct news *news)
{
    int status;
    for (size_t i = 0; i < these.count; i++) {
        struct inferior *one = these.list[i];
        if (one->thread_count == 0 || inferior_find(one, one->pid) ||
            !newborn_take(one->pid, &status))
            continue;
        struct tracee *leader = inferior_add(one, one->pid);
        if (!leader)
            return -ENOMEM;
        *news = (struct news){one, leader, status};
        return 1;
    }
    return 0;
}

/* Asks the kernel for each thread that runs. One that is gone without a word is taken for one that
 * ended with exit status 0. */
static int look_for_lost(struct several these, struct news *news)
{
    for (size_t i = 0; i < these.count; i++)
        for (size_t j = 0; j < these.list[i]->thread_count; j++) {
            struct tracee *thread = &these.list[i]->threads[j];
            if (thread->state != TRACEE_RUNNING)
                continue;
            *news = (struct news){these.list[i], thread, 0};
            pid_t tid = collect_look(thread->tid, &news->status);
            if (tid > 0 || (tid < 0 && errno == ECHILD))
                return 1;
        }
    return 0;
}

/* Tells whether a thread may be gone without a word: where another one of its process execs, or
 * where this process ignores SIGCHLD. */
static bool may_lose(struct several these)
{
    bool may = !collect_owns_signals();
    for (size_t i = 0; i < these.count && !may; i++)
        may = these.list[i]->thread_count > 1;
    return may;
}

static bool nobody_runs(struct several these)
{
    for (size_t i = 0; i < these.count; i++)
        if (!inferior_is_stopped(these.list[i]))
            return false;
    return true;
}

/* Waits for news of any of these threads until `deadline`. Returns 0 or -errno: -ETIMEDOUT;
 * -ECHILD: all threads are stopped, so that nothing will ever happen. */
static int wait_for_news(struct several these, int64_t deadline, struct news *news)
{
    for (bool first = true;;) {
        int err = 0, n = look_for_kept(these, news);
        if (!n)
            n = look_for_leaders(these, news);
        if (!n && these.may_end && ending_signal())
            return -EINTR;
        if (!n && nobody_runs(these))
            return -ECHILD;
        if (!n && collect_now() > 0)
            continue;
        if (!n && first && may_lose(these))
            n = look_for_lost(these, news);
        first = false;
        if (!n)
            err = these.fd < 0 ? collect_some(deadline) : collect_some_or(these.fd, deadline);
        if (err == -ECHILD && !look_for_lost(these, news))
            return err;
        if (n || err)
            return n < 0 ? n : err == -ECHILD ? 0 : err;
    }
}

/* Waits for the end of a process that was let go, but is a child of this process. Whatever of it is
 * still traced would withhold its end, and is collected. */
static int wait_child(struct inferior *inferior, int64_t deadline, struct event *event)
{
    struct tracee leader = {.tid = inferior->pid};
    int status;
    if (!inferior->child || inferior->exited)
        return -ESRCH;
    for (;;) {
        bool traces = collect_now() != -ECHILD, may_block = !traces && deadline == CLOCK_NEVER;
        pid_t pid = waitpid(inferior->pid, &status, may_block ? 0 : WNOHANG);
        if (pid > 0)
            return event_take(inferior, &leader, status, event) < 0 ? -ECHILD : 0;
        if (ending_signal())
            return -EINTR;
        if (pid < 0 && errno != EINTR)
            return -errno;
        if (pid == 0 && clock_is_past(deadline))
            return -ETIMEDOUT;
        if (pid == 0)
            clock_sleep(500000);
    }
}

int inferior_wait_stop(struct inferior *inferior, int timeout, struct event *event)
{
    struct news news;
    struct several alone = {&inferior, 1, false, -1};
    int err = wait_for_news(alone, clock_deadline(timeout), &news);
    return err ? err : event_take(inferior, news.thread, news.status, event);
}

/* Tells whether the caller does not want to be told of an event. */
static bool passes(const struct inferior *inferior, const struct event *event)
{
    bool small = event->reason == EVENT_SIGNAL || event->reason == EVENT_GROUP_STOP ||
                 event->reason == EVENT_THREAD_EXITED;
    return inferior->passes_signals && small;
}

/* Tells of an event, unless the caller does not want to be told of it: then the thread goes on.
 * Returns 1, 0, or -errno. */
static int tell(struct inferior *inferior, const struct event *event)
{
    if (passes(inferior, event))
        return go_on(inferior, event->tid);
    if (event->reason == EVENT_EXEC)
        pending_drop(inferior, false);
    if (inferior_find(inferior, event->tid))
        inferior->selected = event->tid;
    return 1;
}

/* Looks for an event that was taken in before. Returns 1, 0, or -errno. */
static int look_for_pending(struct several these, struct inferior **which, struct event *event)
{
    pid_t freed;
    for (size_t i = 0; i < these.count; i++)
        while (pending_has(these.list[i])) {
            int told = 0;
            *which = these.list[i];
            if (pending_take(*which, event, &freed))
                told = tell(*which, event);
            else if (freed)
                told = go_on(*which, freed);
            if (told)
                return told;
        }
    return 0;
}

/* Waits for an event that is to be told. */
static int wait_for_event(struct several these, int timeout, struct inferior **which,
                          struct event *event)
{
    int64_t deadline = clock_deadline(timeout);
    int told = look_for_pending(these, which, event);
    while (!told) {
        struct news news;
        int err = wait_for_news(these, deadline, &news);
        if (err)
            return err;
        pid_t tid = news.thread->tid;
        told = event_take(news.inferior, news.thread, news.status, event);
        *which = news.inferior;
        if (told == 1)
            told = tell(news.inferior, event);
        else if (told == 0)
            told = go_on(news.inferior, tid);
    }
    return told < 0 ? told : 0;
}

int inferior_wait_any(const struct wait_list *these, int timeout, struct inferior **which,
                      struct event *event)
{
    const struct several all = {these->list, these->count, true, these->fd};
    return wait_for_event(all, timeout, which, event);
}

int inferior_wait_or(struct inferior *inferior, int timeout, int fd, struct event *event)
{
    struct inferior *which;
    if (inferior->thread_count == 0 && !pending_has(inferior))
        return wait_child(inferior, clock_deadline(timeout), event);
    return wait_for_event((struct several){&inferior, 1, true, fd}, timeout, &which, event);
}

int inferior_wait(struct inferior *inferior, int timeout, struct event *event)
{
    return inferior_wait_or(inferior, timeout, -1, event);
}
