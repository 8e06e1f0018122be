/* SPDX-License-Identifier: Apache-2.0
 * The inferior: the whole traced process, all its threads, and what happens to it.
 *
 * Threads are seized, so that stops by signals, by ptrace and by job control can be told apart.
 * Every function returns 0 or -errno; -ESRCH means that the process is gone. */
#ifndef TIEXEC_INFERIOR_H
#define TIEXEC_INFERIOR_H

#include "ptrace/tracee.h"

#include <stddef.h>

enum event_reason {
    EVENT_EXEC,            /* execve has returned in the new program, whose first instruction is next */
    EVENT_BREAKPOINT,      /* breakpoint-hit: at `address`, not yet executed */
    EVENT_SIGNAL,          /* signal-received: `number` will be given back on resume */
    EVENT_SYSCALL_ENTRY,   /* `value` is the system call's number */
    EVENT_SYSCALL_RETURN,  /* `value` is its result */
    EVENT_STEP,            /* end-stepping-range */
    EVENT_FORK,            /* `value` is the new process, traced too: inferior_adopt takes it */
    EVENT_VFORK,           /* the same, but it has this one's memory, which waits until it execs or ends */
    EVENT_GROUP_STOP,      /* stopped by job control signal `number` */
    EVENT_THREAD_EXITED,   /* one thread of several is gone */
    EVENT_EXITED,          /* the process ended with exit code `number` */
    EVENT_EXITED_SIGNALLED /* the process was killed by signal `number` */
};

struct event {
    enum event_reason reason;
    pid_t tid;
    int number;
    bool core_dumped;
    int64_t value;
    uint64_t address;
    uint64_t arguments[6]; /* of the system call, on entry */
};

#define INFERIOR_BREAKPOINTS 16

struct breakpoint {
    uint64_t address;
    bool used, hardware;
    unsigned slot;                            /* hardware: which debug register */
    uint8_t original[sizeof arch_trap_insn]; /* software: the bytes it stands on */
};

struct inferior {
    pid_t pid;
    bool child;  /* started by us: its exit is ours to collect, even after detaching */
    bool exited; /* nothing is left to wait for */
    int mem;     /* /proc/PID/mem of its present address space, or -1 */
    unsigned options;
    bool passes_signals; /* see inferior_wait_any */
    struct tracee *threads;
    size_t thread_count, thread_capacity;
    pid_t selected; /* the thread of the last event: what register calls mean by default */
    uint64_t syscall_insn; /* where remote system calls are made; 0: not looked for yet */
    struct breakpoint breakpoints[INFERIOR_BREAKPOINTS];
};

/* Takes in one wait status of `thread`, which is now stopped or gone.
 * Returns 1 when *event was filled, 0 when there is nothing to tell, or -errno. Where the thread is
 * gone it is no longer in the table. */
int inferior_take(struct inferior *inferior, struct tracee *thread, int status, struct event *event);

/* Waits until one more thread stops or ends, and leaves it so, whatever the reason. Returns as
 * inferior_take; event->tid is the thread's id in any case. */
int inferior_wait_stop(struct inferior *inferior, int timeout, struct event *event);

/* The same, for a thread that is to stay stopped or be let go, not resumed: it is brought to a stop at which it
 * can be left exactly as it is. 0 or -errno. */
int inferior_settle_next(struct inferior *inferior, int timeout);

/* The table of threads. find returns NULL for a thread that is not in it. */
struct tracee *inferior_find(struct inferior *inferior, pid_t tid);
struct tracee *inferior_add(struct inferior *inferior, pid_t tid);
void inferior_remove(struct inferior *inferior, pid_t tid);

/* Starts keeping `pid`, a process of one thread, which has just been seized and runs. */
int inferior_init(struct inferior *inferior, pid_t pid, unsigned options, bool child);

/* Whether processes that it starts are traced and told of (EVENT_FORK, EVENT_VFORK). At first they are not.
 * The selected thread must be stopped; threads to come do the same. */
int inferior_follow_fork(struct inferior *inferior, bool follow);
bool inferior_follows_fork(const struct inferior *inferior);

/* Whether SIGKILL of this process kills it too, from a stopped selected thread's setting on. */
int inferior_exit_kill(struct inferior *inferior, bool on);

/* Seizes all threads of a running process, without PTRACE_O_EXITKILL, and stops them as inferior_stop does.
 * -EPERM: it may not be traced, or is already. On failure it runs as before. */
int inferior_attach(struct inferior *inferior, pid_t pid, int timeout);

/* Starts keeping the process `pid` of an EVENT_FORK or EVENT_VFORK. It is stopped, before it returns from fork. */
int inferior_adopt(const struct inferior *parent, pid_t pid, struct inferior *child);

/* Waits for the next thing that happens. `timeout` in milliseconds, negative: none. -ETIMEDOUT.
 * Only the thread of the event is stopped. New threads are taken in and run on. */
int inferior_wait(struct inferior *inferior, int timeout, struct event *event);

/* The same for all inferiors that there are, none of them let go: *which is the one to which it has happened, set
 * even on failure if that is known. A process that none of them has told of, since it was killed, is let go. What inferiors with `passes_signals` set get of signals and job control, and threads of theirs
 * that end, is not told of: it passes, as quickly as may be. */
int inferior_wait_any(struct inferior *const list[], size_t count, int timeout, struct inferior **which,
                      struct event *event);

/* Resumes every stopped thread; `how` is meant for the selected one, the others run freely. */
int inferior_resume(struct inferior *inferior, enum tracee_resume how);

/* Stops every thread where it is in the midst of nothing: signals that come first are delivered, and
 * interrupted system calls go on when it is let go. The selected thread leaves a restartable
 * sequence, as if preempted. -ETIMEDOUT: some thread did not stop in `timeout` ms (it may wait for a vfork
 * child); those that did stop are stopped. */
int inferior_stop(struct inferior *inferior, int timeout);

/* Makes a stopped thread the selected one, outside of any restartable sequence. -ESRCH: it is not stopped. */
int inferior_select(struct inferior *inferior, pid_t tid);

/* Removes breakpoints and lets all threads go, as they are. Threads that run are stopped for it. */
int inferior_detach(struct inferior *inferior);

/* SIGKILL. The end is reported by wait. */
int inferior_kill(struct inferior *inferior);

/* The stopped thread `tid`; 0 means the selected one. NULL: no such thread, or it runs. */
struct tracee *inferior_thread(struct inferior *inferior, pid_t tid);

/* Frees what this side holds. The process is not touched. */
void inferior_free(struct inferior *inferior);

#endif
