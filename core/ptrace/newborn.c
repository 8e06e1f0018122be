/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/newborn.h"

#include "base/clock.h"
#include "proc/process.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

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

static struct newborn *find(pid_t tid)
{
    for (size_t i = 0; i < newborn_count; i++)
        if (newborns[i].tid == tid)
            return &newborns[i];
    return NULL;
}

static void remove_one(struct newborn *newborn) { *newborn = newborns[--newborn_count]; }

static struct newborn *add(pid_t tid, int status, bool unwanted)
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
        (struct newborn){tid, status, unwanted, false, 0, clock_deadline(NEWBORN_ORPHAN_MS)};
    return &newborns[newborn_count++];
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
        newborn_let_go((pid_t)child);
}

void newborn_let_go(pid_t tid)
{
    int status = 0;
    if (!newborn_take(tid, &status) && !find(tid)) {
        pid_t found = tracee_look(tid, &status, WNOHANG);
        if (found == 0)
            add(tid, 0, true);
        status = found > 0 ? status : 0;
    }
    if (status && WIFSTOPPED(status))
        release(tid, status);
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

void newborn_file(pid_t tid, int status)
{
    struct newborn *newborn = find(tid);
    bool unwanted = newborn && newborn->unwanted, armed = newborn && newborn->armed;
    if (newborn)
        remove_one(newborn);
    if (!WIFSTOPPED(status))
        return;
    if (armed)
        status = disarm(tid, status);
    if (unwanted || !add(tid, status, false))
        release(tid, status);
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
                  WEXITED | WSTOPPED | WNOWAIT | WNOHANG | TRACEE_ONLY) < 0 &&
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

void newborn_let_orphans_go(void)
{
    for (size_t i = newborn_count; i-- > 0;) {
        if (i >= newborn_count) /* letting go of one may take out others */
            continue;
        struct newborn newborn = newborns[i];
        if ((!is_orphan(&newborn) || end_is_to_come()) && !is_gone(&newborn))
            continue;
        remove_one(&newborns[i]);
        if (newborn.status)
            release(newborn.tid, newborn.status);
    }
}

bool newborn_take(pid_t tid, int *status)
{
    struct newborn *newborn = find(tid);
    if (!newborn || !newborn->status)
        return false;
    *status = newborn->status;
    remove_one(newborn);
    return true;
}

/* Tells whether a task that is to be let go can be: it does not wait for one that is held here. */
static bool is_due(const struct newborn *newborn)
{
    const struct inferior *child = newborn->child ? inferior_of_process(newborn->child) : NULL;
    return newborn->unwanted && (!child || child->thread_count == 0);
}

void newborn_leave(pid_t tid, int status)
{
    if (status == 0)
        newborn_let_go(tid);
    else if (WIFSTOPPED(status))
        release(tid, status);
}

void newborn_leave_waiting(pid_t tid, pid_t child, bool armed)
{
    int status = 0;
    pid_t found = tracee_look(tid, &status, WNOHANG);
    if (found > 0 && WIFSTOPPED(status))
        release(tid, armed ? disarm(tid, status) : status);
    struct newborn *newborn = found == 0 ? add(tid, 0, true) : NULL;
    if (!newborn)
        return;
    newborn->armed = armed;
    newborn->child = child;
}

bool newborn_is_any(void) { return newborn_count > 0; }

bool newborn_is_waited_for(pid_t tid) { return find(tid) != NULL; }

bool newborn_is_any_due(void)
{
    bool any = false;
    for (size_t i = 0; i < newborn_count; i++)
        any |= is_due(&newborns[i]);
    return any;
}

int newborn_untold(pid_t parent, pid_t **list, size_t *count)
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

bool newborn_reclaim(pid_t tid, pid_t *child, bool *armed)
{
    struct newborn *newborn = find(tid);
    *child = 0;
    *armed = false;
    if (!newborn || newborn->status)
        return false;
    *child = newborn->child;
    *armed = newborn->armed;
    remove_one(newborn);
    return true;
}
