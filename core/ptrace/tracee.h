/* SPDX-License-Identifier: Apache-2.0
 * One kernel thread under ptrace(2): the calls, with their errors as return values.
 *
 * Functions that return an int return 0 or -errno. -ESRCH: the thread is gone, or it was not
 * stopped. ptrace(2) does not tell these two apart, so struct tracee keeps the state of each
 * thread. */
#ifndef TIEXEC_TRACEE_H
#define TIEXEC_TRACEE_H

#include "arch.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum tracee_state {
    TRACEE_RUNNING,
    TRACEE_STOPPED,
    TRACEE_GROUP_STOPPED, /* by job control (SIGSTOP…): RESUME_LISTEN leaves it stopped */
};

struct call;

enum tracee_resume { RESUME_CONT, RESUME_SYSCALL, RESUME_STEP, RESUME_LISTEN };

/* What WSTOPSIG gives at the entry and the return of a system call (PTRACE_O_TRACESYSGOOD). */
#define TRACEE_SYSCALL_STOP (SIGTRAP | 0x80)

struct tracee {
    pid_t tid;
    enum tracee_state state;
    enum tracee_resume how; /* how the thread was last set going */
    int signal;       /* that has stopped the thread: resuming gives it back; 0: none */
    bool job_stopped; /* a remote call made it run in spite of a group stop: see run.c */
    bool at_trap;     /* stopped by ptrace's own trap or by a group stop: in the midst of nothing */
    bool has_status;  /* `status` was collected, but nobody was told: wait will take it in */
    int status;       /* as waitpid(2) gave it */
    bool restarts;    /* a remote call put it back into an interrupted system call: see run.c */
    bool at_entry;    /* stopped at the entry of a system call */
    bool in_fork;     /* stopped at an event of a fork or vfork: the system call is not over */
    bool in_exec;     /* its exec was reported, and is told when the thread returns from execve */
    struct call *call; /* the remote system call that it is in the midst of: see call.h */
    int born;         /* status of a clone or fork in a remote call: told when it is resumed */
    pid_t born_tid;   /* the new task of that */
    bool fresh;       /* its birth was told, its first stop not yet: that stop is ptrace's own */
    pid_t vfork_child; /* the process of its last EVENT_VFORK, until that is done */
    bool in_known;    /* it was seen to enter its present system call, of the number `syscall` */
    int64_t syscall;
    bool entry_told;  /* the entry of its present system call was told */
    bool filtered;    /* by a seccomp filter, so that the return is to be told, too */
    bool stays;       /* it cannot be set going: see go.c */
    bool injected;    /* `signal` was put there by the tracer, and is not what has stopped it */
    bool held;        /* stopped for a moment, unseen: see hold.h */
    bool waits;       /* an event of it is yet to be told: see pending.h */
    bool passes;      /* it has been told at the breakpoint at `passing`, and is to go past it */
    bool own_trap;    /* its `status` is a trap of the program's own, under a breakpoint */
    uint64_t passing;
    uint32_t debug_version; /* of the debug registers that it has: see debug.h */
    uint64_t touched;  /* what it has touched of watched data, where its trap tells no more */
    unsigned options;  /* the PTRACE_O_ options that it has */
    bool mends_flags;  /* its step stores the flags: see step.h */
    bool lifted;       /* traps are out of memory for its vfork child */
    int stopped_by;    /* the reason of its last event (event.h); -1: the tracer has stopped it */
};

/* Begins to trace a thread (PTRACE_SEIZE) with the given PTRACE_O_ options. The thread runs on. */
int tracee_seize(pid_t tid, unsigned options);

/* Changes the PTRACE_O_ options of a stopped tracee. */
int tracee_set_options(const struct tracee *tracee, unsigned options);

/* Resumes a stopped tracee, giving back its pending signal. */
int tracee_resume(struct tracee *tracee, enum tracee_resume how);

/* Counts how often any tracee has been set going: while that stays the same, those that are stopped
 * have executed nothing. */
uint64_t tracee_resumes(void);

/* Ends the tracing of a stopped tracee, which runs on with its pending signal. A group stop stays
 * in force. If that fails, it stays stopped for as long as this process lives. */
int tracee_detach(struct tracee *tracee);

/* Asks a running tracee to stop (PTRACE_INTERRUPT). The next wait status tells of the stop. */
int tracee_interrupt(const struct tracee *tracee);

/* For waitpid(2) and waitid(2): of this process's children those that are traced, and no others. */
#define TRACEE_ONLY ((int)__WCLONE)

/* As waitpid(2), for traced tasks alone: the ends of other children are their owners'. What fails
 * for a reason that it does not have is done once more: a thread that was given up for it might
 * stay stopped for good. */
pid_t tracee_look(pid_t tid, int *status, int options);

/* Keeps a wait status for the next wait to take in. Until then the thread counts as running,
 * whether it has stopped or has ended. */
void tracee_keep_status(struct tracee *tracee, int status);

/* Tells whether a stopped tracee is not stopped any more: it was killed. Then it counts as
 * running. */
bool tracee_was_killed(struct tracee *tracee);

/* Tells whether the thread has ended, and nobody has been told of it. */
bool tracee_has_ended(const struct tracee *tracee);

/* Makes the kernel start a system call anew that ptrace's own stop has ended with EINTR
 * (arch_restart_interrupted). */
int tracee_mend_call(const struct tracee *tracee);

/* Read and change the blocked signals of a stopped tracee, as the kernel's 64-bit set: bit n-1 is
 * signal n. */
int tracee_get_sigmask(const struct tracee *tracee, uint64_t *mask);
int tracee_set_sigmask(const struct tracee *tracee, uint64_t mask);

/* Read and change the siginfo of the signal by which a tracee is stopped; -EINVAL: another stop. */
int tracee_siginfo(const struct tracee *tracee, siginfo_t *info);
int tracee_set_siginfo(const struct tracee *tracee, const siginfo_t *info);

/* Tells whether a tracee that ptrace itself has stopped is about to be told of a trap: then its pc
 * may be in the midst of a breakpoint, until it goes on to that stop. */
bool tracee_owes_trap(const struct tracee *tracee);

/* Reads what goes with a PTRACE_EVENT_ stop: for a clone or fork the new thread's id. */
int tracee_event_message(const struct tracee *tracee, unsigned long *message);

/* Reads where a tracee at a stop of a system call is, or where a seccomp filter has stopped it
 * (PTRACE_EVENT_SECCOMP): *entry tells whether it is on its way in.
 * *number is the system call's number on entry, and its result on return; the arguments are set on
 * entry only. -EINVAL: it is at another stop. Needs Linux 5.3 (PTRACE_GET_SYSCALL_INFO). */
int tracee_syscall_info(const struct tracee *tracee, bool *entry, int64_t *number,
                        uint64_t arguments[6]);

#endif
