/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/event.h"

#include "proc/process.h"
#include "ptrace/birth.h"
#include "ptrace/breakpoint.h"
#include "ptrace/call.h"
#include "ptrace/collect.h"
#include "ptrace/debug.h"
#include "ptrace/memory.h"
#include "ptrace/trap.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

/* A thread has ended. The process has ended with it if it was the last one or the leader: the
 * kernel tells of the leader's end only after the others'. */
static int take_end(struct inferior *inferior, pid_t tid, int status, struct event *event)
{
    bool last = inferior->thread_count == 1 || tid == inferior->pid;
    event->reason = !last                 ? EVENT_THREAD_EXITED
                    : WIFSIGNALED(status) ? EVENT_EXITED_SIGNALLED
                                          : EVENT_EXITED;
    event->number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    event->core_dumped = WIFSIGNALED(status) && WCOREDUMP(status);
    struct tracee *thread = inferior_find(inferior, tid);
    if (thread) {
        call_forget(thread);
        birth_done(inferior, thread);
    }
    inferior_remove(inferior, tid);
    inferior->lost_threads |= !last;
    if (last) {
        birth_leave_orphans(inferior, event->number == SIGKILL && WIFSIGNALED(status));
        inferior_remove_all(inferior);
        inferior->selected = inferior->pid;
        inferior->exited = true;
    }
    return 1;
}

/* PTRACE_EVENT_EXEC stops the thread inside execve: its registers still say so, and the kernel has
 * yet to write the call's result, 0. So the thread goes on to the stop at the return of execve,
 * which is the event. Other threads, the old mappings and the breakpoints are gone; whichever
 * thread has called execve, it is the leader now. */
static int take_exec(struct inferior *inferior)
{
    struct tracee leader = {.tid = inferior->pid,
                            .state = TRACEE_STOPPED,
                            .in_exec = true,
                            .options = inferior->options};
    bool had_threads = inferior->thread_count > 1 || inferior->lost_threads;
    for (size_t i = 0; i < inferior->thread_count; i++)
        call_forget(&inferior->threads[i]);
    inferior_remove_all(inferior);
    inferior->threads[0] = leader; /* there is room, since there was a thread */
    inferior->thread_count = 1;
    inferior->selected = leader.tid;
    inferior->syscall_insn = 0;
    if (had_threads)
        birth_leave_untold(inferior);
    inferior->lost_threads = false;
    breakpoint_forget(inferior);
    watchpoint_forget(inferior);
    debug_forget(inferior);
    memory_reopen(inferior);
    if (inferior->is_launched)
        inferior_exit_kill(inferior, true);
    inferior->is_launched = false;
    return tracee_resume(&inferior->threads[0], RESUME_SYSCALL);
}

/* Reads which task a thread has made. */
static int new_task(struct tracee *parent, pid_t *tid)
{
    unsigned long message = 0;
    int err = parent->born ? 0 : tracee_event_message(parent, &message);
    *tid = parent->born ? parent->born_tid : (pid_t)message;
    parent->born = 0;
    return err;
}

static int tell_fork(pid_t pid, enum event_reason reason, struct event *event)
{
    event->reason = reason;
    event->value = pid;
    return 1;
}

static int take_fork(struct inferior *inferior, struct tracee *parent, enum event_reason reason,
                     struct event *event)
{
    pid_t pid;
    bool was_remote = parent->born != 0;
    int err = new_task(parent, &pid);
    if (err)
        return err;
    parent->in_fork = !was_remote;
    birth_see(inferior, parent, pid, reason == EVENT_VFORK);
    if (inferior->follows)
        return tell_fork(pid, reason, event);
    collect_let_go(pid);
    return 0;
}

/* A vfork child has given its parent's memory back. The parent's system call is not over yet. */
static int take_vfork_done(struct inferior *inferior, struct tracee *parent, struct event *event)
{
    birth_done(inferior, parent);
    parent->in_fork = true;
    event->reason = EVENT_VFORK_DONE;
    return inferior->follows && inferior->tells_vfork_done;
}

/* Tells whether a new task is a process of its own. PTRACE_EVENT_CLONE tells of threads, and also
 * of processes whose end gives another signal than SIGCHLD. */
static bool is_process(const struct inferior *inferior, pid_t tid)
{
    uint64_t group;
    return process_status(tid, "Tgid", 10, &group) == 0 && (pid_t)group != inferior->pid;
}

static int take_clone(struct inferior *inferior, struct tracee *parent, struct event *event)
{
    pid_t tid;
    bool was_remote = parent->born != 0;
    int err = new_task(parent, &tid);
    if (err)
        return err;
    parent->in_fork = !was_remote;
    if (inferior->follows && is_process(inferior, tid)) {
        birth_see(inferior, parent, tid, false);
        return tell_fork(tid, EVENT_FORK, event);
    }
    return birth_take_thread(inferior, tid);
}

/* Takes in the first stop of a new task. One that is a process of its own is let go. */
static int take_fresh(struct inferior *inferior, struct tracee *thread)
{
    thread->fresh = false;
    if (!is_process(inferior, thread->tid))
        return 0;
    breakpoint_clean(inferior, thread->tid);
    int err = tracee_detach(thread);
    if (!err || err == -ESRCH)
        inferior_remove(inferior, thread->tid);
    return err == -ESRCH ? 0 : err;
}

/* SIGTRAP has many senders. */
static int take_trap(struct inferior *inferior, struct tracee *thread, struct event *event)
{
    static const enum event_reason reasons[] = {
        [TRAP_SIGNAL] = EVENT_SIGNAL,
        [TRAP_STEPPED] = EVENT_STEP,
        [TRAP_BREAKPOINT] = EVENT_BREAKPOINT,
        [TRAP_WATCHPOINT] = EVENT_WATCHPOINT,
    };
    struct trap_news news;
    int err = trap_take(inferior, thread, &news);
    if (err || news.kind == TRAP_NOBODYS)
        return err;
    event->reason = reasons[news.kind];
    event->number = SIGTRAP;
    event->address = news.address;
    event->stepped = news.stepped;
    event->touch = news.touch;
    return 1;
}

/* Notes which system call a thread enters, or is about to return from. Where nobody has seen it
 * enter, the registers tell, unless a signal handler has returned in it. */
static void note_syscall(struct tracee *thread, int64_t entered)
{
    struct arch_regs regs;
    if (thread->at_entry)
        thread->syscall = entered;
    else if (!thread->in_known && !thread->in_exec)
        thread->syscall = arch_regs_get(thread->tid, &regs) ? -1 : arch_syscall_number(&regs);
}

static int take_syscall(struct tracee *thread, struct event *event)
{
    int err = tracee_syscall_info(thread, &thread->at_entry, &event->value, event->arguments);
    if (err)
        return err;
    note_syscall(thread, event->value);
    event->syscall = thread->syscall;
    thread->in_known = thread->at_entry;
    if (thread->in_exec) {
        thread->in_exec = false;
        event->reason = EVENT_EXEC;
        return 1;
    }
    if (thread->how != RESUME_SYSCALL && !thread->filtered)
        return 0; /* it was asked for when the thread was set going, and is not any more */
    thread->entry_told = thread->at_entry;
    thread->filtered &= thread->at_entry;
    event->reason = thread->at_entry ? EVENT_SYSCALL_ENTRY : EVENT_SYSCALL_RETURN;
    return 1;
}

/* A seccomp filter has stopped the thread at the entry of a system call, after the stop that
 * RESUME_SYSCALL makes there. */
static int take_filtered(struct tracee *thread, struct event *event)
{
    bool told = thread->entry_told;
    thread->filtered = true;
    thread->how = RESUME_SYSCALL; /* its return is to be told, too */
    return told ? 0 : take_syscall(thread, event);
}

/* Takes in the stop of a thread that had not come back from a remote call in time. */
static int take_call(struct inferior *inferior, struct tracee *thread, int status)
{
    int64_t ignored;
    int over = call_take(inferior, thread, status);
    if (over == 1)
        call_finish(thread, &ignored);
    thread->at_trap = over == 1; /* it is where it was: it may stay there, or be let go */
    return 0;
}

static int take_stop(struct inferior *inferior, struct tracee *thread, int status,
                     struct event *event)
{
    int signal = WSTOPSIG(status), kind = status >> 16;
    if (kind == PTRACE_EVENT_EXEC)
        return take_exec(inferior);
    if (kind == PTRACE_EVENT_CLONE)
        return take_clone(inferior, thread, event);
    if (kind == PTRACE_EVENT_FORK)
        return take_fork(inferior, thread, EVENT_FORK, event);
    if (kind == PTRACE_EVENT_VFORK)
        return take_fork(inferior, thread, EVENT_VFORK, event);
    if (kind == PTRACE_EVENT_VFORK_DONE)
        return take_vfork_done(inferior, thread, event);
    if (kind == PTRACE_EVENT_SECCOMP)
        return take_filtered(thread, event);
    if (kind == PTRACE_EVENT_STOP && thread->fresh)
        return take_fresh(inferior, thread);
    if (kind == PTRACE_EVENT_STOP && signal != SIGTRAP) {
        thread->state = TRACEE_GROUP_STOPPED;
        event->reason = EVENT_GROUP_STOP;
        event->number = signal;
        return 1;
    }
    if (kind != 0)
        return 0; /* the trap of an interrupt, or of SIGCONT after a group stop */
    if (signal == TRACEE_SYSCALL_STOP)
        return take_syscall(thread, event);
    if (signal == SIGTRAP)
        return take_trap(inferior, thread, event);
    thread->signal = signal;
    event->reason = EVENT_SIGNAL;
    event->number = signal;
    return 1;
}

int event_take(struct inferior *inferior, struct tracee *thread, int status, struct event *event)
{
    *event = (struct event){.tid = thread->tid};
    if (!WIFSTOPPED(status))
        return take_end(inferior, thread->tid, status, event);
    thread->state = TRACEE_STOPPED;
    thread->at_trap = status >> 16 == PTRACE_EVENT_STOP;
    if (thread->call)
        return take_call(inferior, thread, status);
    thread->stopped_by = -1;
    int told = take_stop(inferior, thread, status, event);
    thread = inferior_find(inferior, event->tid);
    if (thread && told == 1)
        thread->stopped_by = (int)event->reason;
    if (told != -ESRCH)
        return told;
    /* It was killed before it could be asked. Its end is yet to come. */
    if (thread)
        thread->state = TRACEE_RUNNING;
    return 0;
}
