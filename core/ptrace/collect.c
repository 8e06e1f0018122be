/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/collect.h"

#include "base/clock.h"
#include "base/ending.h"
#include "base/ticker.h"
#include "proc/process.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define TICK_MS   10
#define LET_GO_MS 1000
#define LOOKS     6    /* for news that come at once, before a sleep */
#define LOOK_NS   8000 /* from one such look to the next */
#define MISSES    3    /* in a row: then news do not come at once here */
#define ORPHAN_MS 100 /* a newborn that nobody has told of for so long may be an orphan */

/* Of this process's children it leaves out those that are not traced, or else it would collect the
 * ends of children of the caller's own. */
#define TRACED ((int)__WCLONE)

/* A traced task that is in no table. */
struct newborn {
    pid_t tid;
    int status;     /* of its stop; 0: it has not stopped yet */
    bool unwanted;  /* to be let go as soon as it stops */
    bool armed;     /* it may have debug registers, which are cleared then */
    pid_t child;    /* the vfork child that it waits for; 0: none */
    int64_t expiry; /* when it may be taken for an orphan */
};

static struct newborn *newborns;
static size_t newborn_count, newborn_capacity;

static struct newborn *find_newborn(pid_t tid)
{
    for (size_t i = 0; i < newborn_count; i++)
        if (newborns[i].tid == tid)
            return &newborns[i];
    return NULL;
}

static void remove_newborn(struct newborn *newborn) { *newborn = newborns[--newborn_count]; }

static struct newborn *add_newborn(pid_t tid, int status, bool unwanted)
{
    if (newborn_count == newborn_capacity) {
        size_t larger = newborn_capacity ? newborn_capacity * 2 : 8;
        struct newborn *list = realloc(newborns, larger * sizeof *list);
        if (!list)
            return NULL;
        newborns = list;
        newborn_capacity = larger;
    }
    newborns[newborn_count] =
        (struct newborn){tid, status, unwanted, false, 0, clock_deadline(ORPHAN_MS)};
    return &newborns[newborn_count++];
}

static void release(pid_t tid, int status);

/* Marks a task in no table as one to be let go when it stops; lets it go if it has. */
static void mark_unwanted(pid_t tid)
{
    int status = 0;
    if (!collect_take_newborn(tid, &status) && !find_newborn(tid)) {
        pid_t found = collect_look(tid, &status);
        if (found == 0)
            add_newborn(tid, 0, true);
        status = found > 0 ? status : 0;
    }
    if (status && WIFSTOPPED(status))
        release(tid, status);
}

/* Detaches from a task in no table that has stopped. It gets the signal that has stopped it. What
 * it has just made is let go, too. One that cannot be let go is killed: nobody knows of it any
 * more. */
static void release(pid_t tid, int status)
{
    struct tracee tracee = {.tid = tid, .state = TRACEE_STOPPED};
    int signal = WSTOPSIG(status), kind = status >> 16;
    unsigned long child = 0;
    if (kind == 0 && signal != TRACEE_SYSCALL_STOP)
        tracee.signal = signal;
    if (kind == PTRACE_EVENT_FORK || kind == PTRACE_EVENT_VFORK || kind == PTRACE_EVENT_CLONE)
        tracee_event_message(&tracee, &child);
    if (kind == PTRACE_EVENT_STOP)
        tracee_mend_call(&tracee);
    int err = tracee_detach(&tracee);
    if (err && err != -ESRCH)
        kill(tid, SIGKILL); /* a tracee is there, so its id is nobody else's */
    if (child)
        mark_unwanted((pid_t)child);
}

/* Clears the debug registers of a stopped task, which has no breakpoint any more. Gives its status,
 * but in place of a trap of theirs or of a step that of an interrupt: it would die of that. */
static int disarm(pid_t tid, int status)
{
    const struct tracee tracee = {.tid = tid};
    siginfo_t info;
    for (unsigned i = 0; i < ARCH_DEBUG_SLOTS; i++)
        arch_debug_clear(tid, i);
    bool is_trap = status >> 8 == SIGTRAP && tracee_siginfo(&tracee, &info) == 0 &&
                   info.si_code > 0 && info.si_code != SI_KERNEL;
    return is_trap ? (SIGTRAP | PTRACE_EVENT_STOP << 8) << 8 | 0x7f : status;
}

/* Keeps one wait status where it belongs. */
static void file(pid_t tid, int status)
{
    struct tracee *thread = inferior_find_any(tid);
    struct newborn *newborn = thread ? NULL : find_newborn(tid);
    if (thread) {
        tracee_keep_status(thread, status);
        return;
    }
    bool unwanted = newborn && newborn->unwanted, armed = newborn && newborn->armed;
    if (newborn)
        remove_newborn(newborn);
    if (!WIFSTOPPED(status))
        return;
    if (armed)
        status = disarm(tid, status);
    if (unwanted || !add_newborn(tid, status, false))
        release(tid, status);
}

/* As waitpid(2), for traced tasks. What fails for a reason that it does not have is done once more:
 * a thread that was given up for it might stay stopped for good. */
static pid_t look(pid_t tid, int *status, int options)
{
    pid_t found = waitpid(tid, status, TRACED | options);
    if (found < 0 && errno != EINTR && errno != ECHILD)
        found = waitpid(tid, status, TRACED | options);
    return found;
}

pid_t collect_look(pid_t tid, int *status) { return look(tid, status, WNOHANG); }

pid_t collect_look_until_tick(pid_t tid, int *status)
{
    pid_t found = look(tid, status, 0);
    return found < 0 && errno == EINTR ? 0 : found;
}

/* Takes in the news of one task. Returns 1; 0: there are none, or a signal has ended the wait; or
 * -errno. */
static int collect_one(bool may_block)
{
    int status;
    pid_t tid = look(-1, &status, may_block ? 0 : WNOHANG);
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

/* Tells whether nobody will tell of a newborn: whoever made it was killed. A thread that is born
 * belongs to a known process, and so does the parent of a process that is born; but the parent is
 * another one with CLONE_PARENT: hence `expiry`. */
static bool is_orphan(const struct newborn *newborn)
{
    uint64_t parent, group;
    return newborn->status && clock_is_past(newborn->expiry) &&
           process_status(newborn->tid, "PPid", 10, &parent) == 0 &&
           process_status(newborn->tid, "Tgid", 10, &group) == 0 &&
           !inferior_of_process((pid_t)parent) && !inferior_of_process((pid_t)group);
}

/* Tells whether a task that was to be let go is gone without a word, by another thread's exec. */
static bool is_gone(const struct newborn *newborn)
{
    siginfo_t ignored;
    return newborn->unwanted && clock_is_past(newborn->expiry) &&
           waitid(P_PID, (id_t)newborn->tid, &ignored,
                  WEXITED | WSTOPPED | WNOWAIT | WNOHANG | TRACED) < 0 &&
           errno == ECHILD;
}

/* Tells whether an inferior has ended, which is yet to be taken in: its children are seen to
 * then. */
static bool end_is_to_come(void)
{
    for (struct inferior *one = inferior_first(); one; one = one->next) {
        const struct tracee *leader = inferior_find(one, one->pid);
        if (leader && tracee_has_ended(leader))
            return true;
    }
    return false;
}

static void let_orphans_go(void)
{
    for (size_t i = newborn_count; i-- > 0;) {
        if (i >= newborn_count) /* letting go of one may take out others */
            continue;
        struct newborn newborn = newborns[i];
        if ((!is_orphan(&newborn) || end_is_to_come()) && !is_gone(&newborn))
            continue;
        remove_newborn(&newborns[i]);
        if (newborn.status)
            release(newborn.tid, newborn.status);
    }
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
        let_orphans_go();
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
    while (owns_signals && newborn_count == 0) {
        if (!sleep_a_tick(clock_left(deadline)))
            break;
        int n = collect_in_time(deadline, false);
        if (n <= 0)
            return n;
    }
    return 1;
}

int collect_some(int64_t deadline)
{
    if (deadline == CLOCK_NEVER && newborn_count == 0)
        return collect_until(deadline, true);
    int n = collect_in_time(deadline, false), left = clock_left(deadline);
    if (n > 0)
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
    if (newborn_count && (left < 0 || left > ORPHAN_MS))
        left = ORPHAN_MS; /* it may have become an orphan */
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
        let_orphans_go();
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

/* Tells whether what is traced can run while this process does. */
static bool has_company(void)
{
    static int count; /* of CPUs; 0: not known yet */
    cpu_set_t set;
    if (count == 0) /* a failure: there are more CPUs than the set has room for */
        count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 2;
    return count > 1;
}

/* Looks for news of one thread a few times without sleeping: a system call that is made remotely is
 * mostly over before a CPU that has gone idle wakes up (some 50 µs in a virtual machine). A tracee
 * that is busy, or has no CPU, is not waited for so again and again. */
static pid_t look_shortly(pid_t tid, int *status)
{
    static int misses;
    pid_t found = 0;
    for (int i = 0; found == 0 && i < LOOKS && misses < MISSES && has_company(); i++) {
        for (int64_t next = clock_now() + LOOK_NS; clock_now() < next;)
            ;
        found = collect_look(tid, status);
    }
    misses = found ? 0 : misses + 1;
    return found;
}

/* Waits for one thread by SIGCHLD, which an earlier stop may have left behind. */
static pid_t wait_by_signals(pid_t tid, int *status)
{
    int64_t tick = clock_deadline(TICK_MS);
    pid_t found = look_shortly(tid, status);
    while (found == 0 && !clock_is_past(tick) && sleep_a_tick(TICK_MS))
        found = collect_look(tid, status);
    return found;
}

/* Waits for one thread until the next tick. Where nothing ticks it does not wait. */
static pid_t wait_a_tick(pid_t tid, int64_t deadline, int *status)
{
    struct ticker ticker;
    if (owns_signals && !clock_is_past(deadline))
        return wait_by_signals(tid, status);
    bool ticks = !clock_is_past(deadline) && ticker_begin(&ticker, TICK_MS);
    pid_t found = ticks ? collect_look_until_tick(tid, status) : 0;
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
        if (collect_take_newborn(thread->tid, status))
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

bool collect_take_newborn(pid_t tid, int *status)
{
    struct newborn *newborn = find_newborn(tid);
    if (!newborn || !newborn->status)
        return false;
    *status = newborn->status;
    remove_newborn(newborn);
    return true;
}

void collect_let_go(pid_t tid)
{
    int64_t deadline = clock_deadline(LET_GO_MS);
    mark_unwanted(tid);
    while (find_newborn(tid) && collect_some(deadline) == 0)
        ;
}

void collect_leave(pid_t tid, int status)
{
    if (status == 0)
        mark_unwanted(tid);
    else if (WIFSTOPPED(status))
        release(tid, status);
}

void collect_leave_waiting(pid_t tid, pid_t child, bool armed)
{
    int status = 0;
    pid_t found = collect_look(tid, &status);
    if (found > 0 && WIFSTOPPED(status))
        release(tid, armed ? disarm(tid, status) : status);
    struct newborn *newborn = found == 0 ? add_newborn(tid, 0, true) : NULL;
    if (!newborn)
        return;
    newborn->armed = armed;
    newborn->child = child;
}

/* Tells whether a task that is to be let go can be: it does not wait for one that is held here. */
static bool is_due(const struct newborn *newborn)
{
    const struct inferior *child = newborn->child ? inferior_of_process(newborn->child) : NULL;
    return newborn->unwanted && (!child || child->thread_count == 0);
}

void collect_leavings(int timeout)
{
    int64_t deadline = clock_deadline(timeout);
    bool any;
    do {
        any = false;
        collect_now();
        for (size_t i = 0; i < newborn_count; i++)
            any |= is_due(&newborns[i]);
    } while (any && collect_some(deadline) == 0);
}

int collect_untold(pid_t parent, pid_t **list, size_t *count)
{
    size_t kept = 0;
    uint64_t tracer;
    int err = process_children(parent, list, count);
    for (size_t i = 0; i < *count && !err; i++) {
        pid_t pid = (*list)[i];
        if (!inferior_of_process(pid) && process_status(pid, "TracerPid", 10, &tracer) == 0 &&
            (pid_t)tracer == getpid())
            (*list)[kept++] = pid;
    }
    *count = kept;
    return err;
}

bool collect_owes(void)
{
    collect_now();
    let_orphans_go();
    return newborn_count > 0;
}

bool collect_reclaim(pid_t tid)
{
    struct newborn *newborn = find_newborn(tid);
    if (!newborn || newborn->status)
        return false;
    remove_newborn(newborn);
    return true;
}
