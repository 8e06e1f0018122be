/* SPDX-License-Identifier: Apache-2.0
 * The inferior: the whole traced process, and the table of its threads.
 *
 * Threads are seized, so that stops by signals, by ptrace and by job control can be told apart.
 * Functions that can fail return 0 or -errno; -ESRCH means that the process, or the thread, is gone
 * or runs. */
#ifndef TIEXEC_INFERIOR_H
#define TIEXEC_INFERIOR_H

#include "ptrace/places.h"
#include "ptrace/tracee.h"

#include <stddef.h>

struct breakpoint; /* breakpoint.h */
struct event;      /* event.h */
struct trap;       /* traps.h */
struct watchpoint; /* watchpoint.h */

/* A debug register that all threads are to have. */
struct debug_slot {
    unsigned references; /* 0: it is not used */
    enum arch_debug_kind kind;
    unsigned size;
    uint64_t address;
    uint32_t version; /* of the inferior's debug_version when it was changed */
};

/* A list that grows. `items` is of whatever type the list has. */
struct list {
    size_t count, capacity;
};

struct inferior {
    pid_t pid;
    bool child;  /* this process has started it, and collects its exit status in any case */
    bool exited; /* its end was told: nothing is left to wait for */
    int pidfd;   /* of the process, so that no other of this pid is killed; negative: none */
    int mem;     /* /proc/PID/mem of its present address space; negative: not open */
    unsigned options;    /* PTRACE_O_ options of its threads */
    bool passes_signals; /* see wait.h */
    bool keeps_signals;  /* see stop.h */
    bool is_launched;    /* from its first exec on the kernel kills it with this process */
    struct inferior *next; /* in the list of all that this process has */
    struct tracee *threads;
    size_t thread_count, thread_capacity;
    struct places places;  /* of the threads in that table */
    int64_t stop_began;    /* when an attach first asked threads to stop (base/clock.h); 0: none */
    pid_t selected;        /* the thread of the last event, or the one that was selected since */
    uint64_t syscall_insn; /* a system call instruction for remote calls; 0: not looked for yet */
    bool is_filtered;      /* it cannot live without a tracer: inferior_see_filters */
    bool stays_beside;     /* threads that make remote calls are beside this process: beside.h */
    bool follows;          /* processes that it starts are told of */
    bool tells_vfork_done; /* and so is the end of each vfork */
    enum tracee_resume how; /* how its threads were last set going: new ones go the same way */
    int call_ms;           /* the longest that a remote call may take */
    uint64_t last_point;   /* the id of its newest breakpoint or watchpoint */
    struct breakpoint *breakpoints;
    struct watchpoint *watchpoints;
    struct trap *traps; /* in order of address */
    struct event *pending;
    struct list breakpoint_list, watchpoint_list, trap_list, pending_list;
    struct debug_slot debug[ARCH_DEBUG_SLOTS];
    uint32_t debug_version; /* counts changes of `debug`; 0: none is or was used */
    unsigned lifts;         /* traps are out of the memory for so many vfork children */
    uint64_t stack_start;   /* its start_stack when it got its first trap, by which children that
                             * are not told of are known; 0: not known */
    bool lost_threads;      /* a thread of it has ended before the process */
};

/* Starts keeping `pid`, a process of one thread that runs and is traced, or is about to be.
 * `child`: this process has started it. -ENOMEM. Ended by inferior_free. */
int inferior_init(struct inferior *inferior, pid_t pid, unsigned options, bool child);

/* The same for a process whose threads are yet to be seized and added. */
void inferior_init_empty(struct inferior *inferior, pid_t pid, unsigned options);

/* Frees what this side holds. The process is not touched. */
void inferior_free(struct inferior *inferior);

/* Puts all that is known of an inferior at another place, and leaves an empty one behind. */
void inferior_move(struct inferior *to, struct inferior *from);

/* Tells whether all threads stand still, for all that this side knows. *moment then stays the same
 * until any may have executed something. */
bool inferior_moment(const struct inferior *inferior, uint64_t *moment);

/* Finds a thread, or a process, among all inferiors that this process has; NULL: it is in none. */
struct tracee *inferior_find_any(pid_t tid);
struct inferior *inferior_of_process(pid_t pid);

/* Goes through all that this process has: the first one, and the one after another. */
struct inferior *inferior_first(void);

/* Sends SIGKILL to the process, and to no other that may have its id by now. 0 or -errno. */
int inferior_send_kill(const struct inferior *inferior);

/* The table of threads. A pointer into it is valid until a thread is added or removed.
 * inferior_find gives NULL for a thread that is not in it, inferior_add where memory is short. */
struct tracee *inferior_find(struct inferior *inferior, pid_t tid);
struct tracee *inferior_add(struct inferior *inferior, pid_t tid);
void inferior_remove(struct inferior *inferior, pid_t tid);

/* Takes all threads out of the table. */
void inferior_remove_all(struct inferior *inferior);

/* Tells whether all threads are stopped, by the tracer and not only by job control. A thread that
 * was killed in its stop counts as running from then on: its end is to come. */
bool inferior_is_stopped(struct inferior *inferior);

/* Gives the stopped thread `tid`; 0 means the selected one. NULL: no such thread, or it runs. */
struct tracee *inferior_thread(struct inferior *inferior, pid_t tid);

/* Says why that gave NULL: -EBUSY: the thread runs; -ESRCH: there is no such thread. */
int inferior_no_thread(struct inferior *inferior, pid_t tid);

/* Tells whether the process is there and is still the one that was taken hold of, and no other one
 * that has its id by now. */
bool inferior_is_same(const struct inferior *inferior);

/* Makes room for one more item of `size` bytes in a list. Returns the items, which may have moved;
 * NULL: memory is short, and they are where they were. */
void *inferior_grow(void *items, struct list *list, size_t size);

/* Sets whether processes that it starts are traced too, and told of (EVENT_FORK, EVENT_VFORK), and
 * with `tells_done` when each vfork is over (EVENT_VFORK_DONE). At first they are not. The selected
 * thread must be stopped. Threads that run now are changed when they stop; threads to come inherit
 * the setting from the thread that starts them. */
int inferior_follow_fork(struct inferior *inferior, bool follow, bool tells_done);

/* Gives a stopped thread the options of its inferior, where those were changed while it ran. */
int inferior_keep_options(const struct inferior *inferior, struct tracee *thread);

/* Has the kernel tell of processes that it starts, whether they are told on or not: some of its
 * memory must be put right there. The same threads must be stopped. */
int inferior_see_forks(struct inferior *inferior);

/* Has the kernel stop threads where a seccomp filter says so (SECCOMP_RET_TRACE). Without a tracer
 * those calls fail: so the process is not let go any more (is_filtered). */
int inferior_see_filters(struct inferior *inferior);

/* Sets whether the kernel kills the inferior when this process ends without having let it go. The
 * same threads must be stopped, and are changed. */
int inferior_exit_kill(struct inferior *inferior, bool on);

/* Sets whether a thread that is made to execute system calls is kept on this process's CPU until it
 * goes on (beside.h), as long as the kernel kills the inferior with this process. */
void inferior_stay_beside(struct inferior *inferior, bool on);

#endif
