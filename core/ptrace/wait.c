/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/wait.h"

#include "base/clock.h"
#include "proc/process.h"

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
    bool all; /* this process traces no others */
};

/* Takes the kept status out of a thread (see tracee_keep_status). Returns 1, or 0 when there is
 * none. */
static int take_out(struct inferior *inferior, struct tracee *thread, struct news *news)
{
    if (!thread->has_status)
        return 0;
    *news = (struct news){.inferior = inferior, .thread = thread, .status = thread->status};
    thread->has_status = false;
    return 1;
}

/* Asks the kernel once, without waiting, for news of a thread. Returns 1 when there are some, 0
 * when there are none, or -errno. */
static int look(struct inferior *inferior, struct tracee *thread, struct news *news)
{
    *news = (struct news){.inferior = inferior, .thread = thread};
    pid_t tid = waitpid(thread->tid, &news->status, __WALL | WNOHANG);
    if (tid < 0 && errno == ECHILD)
        news->status = 0; /* gone, and its status was collected elsewhere: taken for exit 0 */
    else if (tid < 0)
        return -errno;
    return tid != 0;
}

/* Asks for news of each running thread, until one has some. As look. */
static int look_at_all(struct several these, struct news *news)
{
    int n = 0;
    for (size_t i = 0; i < these.count && n == 0; i++)
        for (size_t j = 0; j < these.list[i]->thread_count && n == 0; j++)
            if (these.list[i]->threads[j].state == TRACEE_RUNNING)
                n = look(these.list[i], &these.list[i]->threads[j], news);
    return n;
}

/* Looks for a thread with a kept status. Returns 1, or 0 when there is none. */
static int look_for_collected(struct several these, struct news *news)
{
    for (size_t i = 0; i < these.count; i++)
        for (size_t j = 0; j < these.list[i]->thread_count; j++)
            if (take_out(these.list[i], &these.list[i]->threads[j], news))
                return 1;
    return 0;
}

/* Sleeps for *us microseconds; the next nap will be longer, up to 2 ms. */
static void nap(long *us)
{
    clock_sleep(*us * 1000);
    if (*us < 2000)
        *us *= 2;
}

static bool is_one_of(struct several these, uint64_t pid)
{
    for (size_t i = 0; i < these.count; i++)
        if (these.list[i]->pid == (pid_t)pid)
            return true;
    return false;
}

/* Lets go of a new process whose parent was killed before it could tell of the fork: nobody else
 * will. Its parent is neither this process nor one of the inferiors any more. A new thread of an
 * inferior is not meant: it may stop before the thread that made it tells of it. */
static void let_go_orphan(struct several these, pid_t pid)
{
    uint64_t parent, group;
    if (process_status(pid, "PPid", 10, &parent) || process_status(pid, "Tgid", 10, &group))
        return;
    if ((pid_t)parent == getpid() || is_one_of(these, parent) || is_one_of(these, group))
        return;
    tracee_let_go(pid);
}

/* Asks the kernel which child has news, and takes the news if the child is one of these threads.
 * The news of any other task stay where they are: it may be a child of the caller, or a new task
 * whose parent's event is yet to come. Such a task may hide the news of these threads: then each
 * thread is asked for, and after that a nap leaves others the processor. Returns as look. */
static int look_for_news(struct several these, bool may_block, long *nap_us, struct news *news)
{
    siginfo_t info = {0};
    int flags = WEXITED | WSTOPPED | WNOWAIT | __WALL | (may_block ? 0 : WNOHANG), n = 0;
    bool some = waitid(P_ALL, 0, &info, flags) < 0 || info.si_pid != 0;
    struct tracee *known = NULL;
    for (size_t i = 0; i < these.count && some && !known; i++) {
        known = inferior_find(these.list[i], info.si_pid);
        if (known)
            n = look(these.list[i], known, news);
    }
    if (some && !known)
        n = look_at_all(these, news);
    if (n == 0 && !known && info.si_pid != 0 && these.all)
        let_go_orphan(these, info.si_pid);
    if (n == 0)
        nap(nap_us);
    return n;
}

static bool nobody_runs(struct several these)
{
    for (size_t i = 0; i < these.count; i++)
        for (size_t j = 0; j < these.list[i]->thread_count; j++)
            if (these.list[i]->threads[j].state != TRACEE_STOPPED)
                return false;
    return true;
}

/* Waits for news of any thread until `deadline`. Returns 0 or -errno: -ETIMEDOUT; -ECHILD: all
 * threads are stopped, so that nothing will ever happen. */
static int wait_for_news(struct several these, int64_t deadline, struct news *news)
{
    if (look_for_collected(these, news))
        return 0;
    struct inferior *first = these.count ? these.list[0] : NULL;
    if (nobody_runs(these))
        return -ECHILD;
    bool alone = these.count == 1 && first->thread_count == 1;
    if (alone && deadline == CLOCK_NEVER && first->threads[0].state == TRACEE_RUNNING) {
        *news = (struct news){.inferior = first, .thread = first->threads};
        return tracee_wait(news->thread, &news->status);
    }
    for (long nap_us = 20;;) {
        int n = look_for_news(these, deadline == CLOCK_NEVER, &nap_us, news);
        if (n)
            return n < 0 ? n : 0;
        if (clock_is_past(deadline))
            return -ETIMEDOUT;
    }
}

/* Waits for the end of a process that was let go, but is a child of this process. */
static int wait_child(struct inferior *inferior, int64_t deadline, struct event *event)
{
    struct tracee leader = {.tid = inferior->pid};
    long nap_us = 20;
    int status;
    if (!inferior->child || inferior->exited)
        return -ESRCH;
    for (;;) {
        pid_t pid = waitpid(inferior->pid, &status, deadline == CLOCK_NEVER ? 0 : WNOHANG);
        if (pid > 0)
            return event_take(inferior, &leader, status, event) < 0 ? -ECHILD : 0;
        if (pid < 0 && errno != EINTR)
            return -errno;
        if (pid == 0 && clock_is_past(deadline))
            return -ETIMEDOUT;
        if (pid == 0)
            nap(&nap_us);
    }
}

int inferior_wait_stop(struct inferior *inferior, int timeout, struct event *event)
{
    struct news news;
    struct several alone = {&inferior, 1, false};
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

/* Sets a thread going again as it went before, after an event that nobody is told of. */
static void go_on(struct inferior *inferior, pid_t tid)
{
    struct tracee *thread = inferior_find(inferior, tid);
    if (thread && thread->state == TRACEE_GROUP_STOPPED)
        tracee_resume(thread, RESUME_LISTEN);
    else if (thread && thread->state == TRACEE_STOPPED)
        tracee_resume(thread, thread->how);
}

/* Waits for an event that is to be told. */
static int wait_for_event(struct several these, int timeout, struct inferior **which,
                          struct event *event)
{
    int64_t deadline = clock_deadline(timeout);
    for (;;) {
        struct news news;
        int err = wait_for_news(these, deadline, &news);
        if (err)
            return err;
        pid_t tid = news.thread->tid;
        int told = event_take(news.inferior, news.thread, news.status, event);
        *which = news.inferior;
        if (told < 0)
            return told;
        if (told && !passes(news.inferior, event)) {
            news.inferior->selected = event->tid;
            return 0;
        }
        go_on(news.inferior, tid);
    }
}

int inferior_wait_any(struct inferior *const list[], size_t count, int timeout,
                      struct inferior **which, struct event *event)
{
    return wait_for_event((struct several){list, count, true}, timeout, which, event);
}

int inferior_wait(struct inferior *inferior, int timeout, struct event *event)
{
    struct inferior *which;
    if (inferior->thread_count == 0)
        return wait_child(inferior, clock_deadline(timeout), event);
    return wait_for_event((struct several){&inferior, 1, false}, timeout, &which, event);
}
