/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/collect.h"

#include "base/clock.h"
#include "base/ending.h"
#include "base/ticker.h"
#include "ptrace/beside.h"
#include "ptrace/newborn.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>

#define TICK_MS   10
#define LET_GO_MS 1000
#define LOOKS     6    /* for news that come at once, before a sleep */
#define LOOK_NS   8000 /* from one such look to the next */
#define MISSES    3    /* in a row: then news do not come at once here */
#define PASSES    16   /* sleeps without a look, until it is tried again */

/* Keeps one wait status where it belongs. */
static void file(pid_t tid, int status)
{
    struct tracee *thread = inferior_find_any(tid);
    if (thread)
        tracee_keep_status(thread, status);
    else
        newborn_file(tid, status);
}

pid_t collect_look(pid_t tid, int *status) { return tracee_look(tid, status, WNOHANG); }

pid_t collect_look_until_tick(pid_t tid, int *status)
{
    pid_t found = tracee_look(tid, status, 0);
    return found < 0 && errno == EINTR ? 0 : found;
}

/* Tells whether what is traced can run while this process does. */
static bool has_company(void)
{
    static int count; /* of CPUs; 0: not known yet */
    cpu_set_t set;
    if (count == 0) /* a failure: there are more CPUs than the set has room for */
        count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 2;
    return count > 1;
}

/* Looks for news of one task, -1 for any, a few times without sleeping: what a tracee does until it
 * stops is mostly over before a CPU that has gone idle wakes up (some 70 µs in a virtual machine).
 * Where that was in vain again and again it is left for a while. Returns as waitpid(2). */
static pid_t look_shortly(pid_t tid, int *status)
{
    static int misses, passes;
    pid_t found = 0;
    if (beside_is_any())
        return 0; /* it waits for this CPU */
    if (passes > 0 || !has_company()) {
        passes -= passes > 0;
        return 0;
    }
    for (int i = 0; found == 0 && i < LOOKS; i++) {
        for (int64_t next = clock_now() + LOOK_NS; clock_now() < next;)
            ;
        found = tracee_look(tid, status, WNOHANG);
    }
    misses = found ? 0 : misses + 1;
    if (misses == MISSES) {
        misses = 0;
        passes = PASSES;
    }
    return found;
}

/* Takes in the news of one task. Returns 1; 0: there are none, or a signal has ended the wait; or
 * -errno. */
static int collect_one(bool may_block)
{
    int status;
    pid_t tid = tracee_look(-1, &status, may_block ? 0 : WNOHANG);
    if (tid < 0)
        return errno == EINTR ? 0 : -errno;
    if (tid > 0)
        file(tid, status);
    return tid > 0;
}

int collect_now(void)
{
    int count = 0, n;
    while ((n = collect_one(false)) > 0)
        count++;
    return count ? count : n;
}

/* Takes in what news there are; who may block takes in those of one task, since the next call takes
 * in the others. Returns 0 if there were some; 1: there are none, and time is left; or -errno. */
static int collect_in_time(int64_t deadline, bool may_block)
{
    int n = collect_one(may_block);
    if (n > 0 && !may_block)
        collect_now();
    if (n)
        return n < 0 ? n : 0;
    return clock_is_past(deadline) ? -ETIMEDOUT : 1;
}

/* As collect_some, once something ticks where a limit needs it. */
static int collect_until(int64_t deadline, bool may_block)
{
    for (;;) {
        newborn_let_orphans_go();
        int n = collect_in_time(deadline, may_block);
        if (n <= 0)
            return n;
        if (ending_signal())
            return 0; /* the caller sees to it */
        if (!may_block)
            clock_sleep(500000);
    }
}

static bool owns_signals; /* see collect_own_signals */

void collect_own_signals(bool owns) { owns_signals = owns; }

bool collect_owns_signals(void) { return owns_signals; }

/* Waits for news until the next tick, in a process that is nothing but a tracer. Returns false
 * where that cannot be done. */
static bool sleep_a_tick(int left_ms)
{
    sigset_t child;
    int tick = left_ms < 1 || left_ms > TICK_MS ? TICK_MS : left_ms;
    struct timespec time = {0, tick * 1000000L};
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    return sigtimedwait(&child, NULL, &time) == SIGCHLD || errno == EAGAIN;
}

/* Waits without a ticker, which takes ten system calls. Returns 1: there is no news yet; else as
 * collect_some. */
static int collect_by_signals(int64_t deadline)
{
    while (owns_signals && !newborn_is_any()) {
        if (!sleep_a_tick(clock_left(deadline)))
            break;
        int n = collect_in_time(deadline, false);
        if (n <= 0)
            return n;
    }
    return 1;
}

/* Takes in news that come at once. Returns 1: there are none; else as collect_some. */
static int collect_shortly(void)
{
    int status;
    pid_t tid = look_shortly(-1, &status);
    if (tid < 0)
        return errno == EINTR ? 1 : -errno;
    if (tid > 0)
        file(tid, status);
    return tid == 0;
}

int collect_some(int64_t deadline)
{
    int n = collect_in_time(deadline, false);
    if (n > 0)
        n = collect_shortly();
    if (n <= 0)
        return n;
    if (deadline == CLOCK_NEVER && !newborn_is_any())
        return collect_until(deadline, true);
    int left = clock_left(deadline);
    n = collect_by_signals(deadline);
    if (n <= 0)
        return n;
    struct ticker ticker;
    bool ticks = ticker_begin(&ticker, left < 1 || left > TICK_MS ? TICK_MS : left);
    int err = collect_until(deadline, ticks);
    ticker_end(&ticker);
    return err;
}

static void on_child(int signal) { (void)signal; }

/* Sees to it that news of a traced task, for which the kernel sends SIGCHLD, ends a ppoll. The
 * caller's own handler is left alone. */
static void expect_child(struct sigaction *before)
{
    const struct sigaction mine = {.sa_handler = on_child};
    sigaction(SIGCHLD, NULL, before);
    if (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN ||
        before->sa_flags & SA_NOCLDSTOP)
        sigaction(SIGCHLD, &mine, NULL);
}

/* Sleeps until there is something to read from `fd` (-EAGAIN), or a signal comes, or it is time. */
static int sleep_on(int fd, int64_t deadline, const sigset_t *mask)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int left = clock_left(deadline);
    if (newborn_is_any() && (left < 0 || left > NEWBORN_ORPHAN_MS))
        left = NEWBORN_ORPHAN_MS; /* it may have become an orphan */
    struct timespec time = {left / 1000, left % 1000 * 1000000L};
    int n = ppoll(&one, 1, left < 0 ? NULL : &time, mask);
    if (n > 0)
        return -EAGAIN;
    return n == 0 && clock_is_past(deadline) ? -ETIMEDOUT : 0;
}

/* The same as collect_some_or, while SIGCHLD is blocked: `mask` has it unblocked. */
static int collect_or_sleep(int fd, int64_t deadline, const sigset_t *mask)
{
    for (int round = 0; round < 2; round++) {
        newborn_let_orphans_go();
        int n = collect_one(false);
        if (n > 0)
            collect_now();
        if (n)
            return n < 0 ? n : 0;
        int err = round == 0 ? sleep_on(fd, deadline, mask) : 0;
        if (err)
            return err;
    }
    return 0;
}

int collect_some_or(int fd, int64_t deadline)
{
    struct sigaction action;
    sigset_t child, before, asleep;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    asleep = before;
    sigdelset(&asleep, SIGCHLD);
    expect_child(&action);
    int err = collect_or_sleep(fd, deadline, &asleep);
    sigaction(SIGCHLD, &action, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return err;
}

/* Waits for one thread by SIGCHLD, which an earlier stop may have left behind. */
static pid_t wait_by_signals(pid_t tid, int *status)
{
    int64_t tick = clock_deadline(TICK_MS);
    pid_t found = 0;
    while (found == 0 && !clock_is_past(tick) && sleep_a_tick(TICK_MS))
        found = collect_look(tid, status);
    return found;
}

/* Waits for one thread until the next tick. Where nothing ticks it does not wait. */
static pid_t wait_a_tick(pid_t tid, int64_t deadline, int *status)
{
    struct ticker ticker;
    if (clock_is_past(deadline))
        return 0;
    pid_t found = look_shortly(tid, status);
    if (found)
        return found;
    if (owns_signals)
        return wait_by_signals(tid, status);
    bool ticks = ticker_begin(&ticker, TICK_MS);
    found = ticks ? collect_look_until_tick(tid, status) : 0;
    int err = errno;
    if (ticks)
        ticker_end(&ticker);
    errno = err;
    return found;
}

int collect_wait(struct tracee *thread, int64_t deadline, int *status)
{
    for (bool has_waited = false;;) {
        if (thread->has_status) {
            *status = thread->status;
            thread->has_status = false;
            return 0;
        }
        if (newborn_take(thread->tid, status))
            return 0;
        pid_t tid = collect_look(thread->tid, status);
        if (tid == 0 && !has_waited)
            tid = wait_a_tick(thread->tid, deadline, status);
        has_waited = true;
        if (tid > 0)
            return 0;
        int err = tid < 0 ? -errno : collect_some(deadline);
        if (err && err != -EINTR)
            return err == -ECHILD ? -ESRCH : err;
    }
}

int collect_run_to_stop(struct tracee *thread, enum tracee_resume how, int64_t deadline,
                        int *status)
{
    int err = tracee_resume(thread, how);
    if (!err)
        err = collect_wait(thread, deadline, status);
    if (err)
        return err;
    thread->state = TRACEE_STOPPED;
    if (WIFSTOPPED(*status))
        return 0;
    tracee_keep_status(thread, *status);
    return -ESRCH;
}

void collect_let_go(pid_t tid)
{
    int64_t deadline = clock_deadline(LET_GO_MS);
    newborn_let_go(tid);
    while (newborn_is_waited_for(tid) && collect_some(deadline) == 0)
        ;
}

void collect_leavings(int timeout)
{
    int64_t deadline = clock_deadline(timeout);
    do
        collect_now();
    while (newborn_is_any_due() && collect_some(deadline) == 0);
}

bool collect_owes(void)
{
    collect_now();
    newborn_let_orphans_go();
    return newborn_is_any();
}
