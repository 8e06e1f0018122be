/* SPDX-License-Identifier: Apache-2.0
 * One kernel thread under ptrace(2): the calls, with their errors as return values.
 *
 * Every function returns 0 or -errno. -ESRCH: the thread is gone, or was not stopped; ptrace(2) does
 * not tell these apart, so each tracee's state is kept here. */
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
    TRACEE_GROUP_STOPPED, /* by SIGSTOP and its like: PTRACE_LISTEN, never resume */
};

enum tracee_resume { RESUME_CONT, RESUME_SYSCALL, RESUME_STEP, RESUME_LISTEN };

struct tracee {
    pid_t tid;
    enum tracee_state state;
    enum tracee_resume how; /* how it was last set going */
    int signal; /* taken from the thread at its last stop, to be given back when it goes on */
    bool job_stopped; /* runs in spite of a group stop, for the tracer's sake: to be stopped again */
    bool at_trap; /* stopped by ptrace's own trap or a group stop: in the midst of nothing */
    bool has_status; /* `status` was collected, but nobody has been told of it: the next wait takes it in */
    int status;      /* as waitpid(2) gave it */
    bool restarts; /* was put back into an interrupted system call: to go on by way of a trap */
    bool at_entry; /* stopped at the entry of a system call */
    bool fresh; /* cloned but not yet reported: its first stop is ptrace's own */
};

/* PTRACE_SEIZE with the given PTRACE_O_ options. The thread goes on running. */
int tracee_seize(pid_t tid, unsigned options);

/* PTRACE_SETOPTIONS on a stopped tracee. */
int tracee_set_options(const struct tracee *tracee, unsigned options);

/* Resumes a stopped tracee, giving back its pending signal. */
int tracee_resume(struct tracee *tracee, enum tracee_resume how);

/* Lets a stopped tracee go, giving back its pending signal. A group stop stays in force. */
int tracee_detach(struct tracee *tracee);

/* Asks a running tracee to stop; the stop is reported by wait. */
int tracee_interrupt(const struct tracee *tracee);

/* Blocks until the tracee changes state and gives waitpid(2)'s status. */
int tracee_wait(const struct tracee *tracee, int *status);

/* Keeps a wait status for the next wait to take in. Until then the thread counts as running, whether it
 * has stopped or has ended. */
void tracee_keep_status(struct tracee *tracee, int status);

/* Resumes a stopped tracee and blocks until it has stopped again. 0 or -errno; -ESRCH: it has ended, and
 * its status is kept for the next wait. */
int tracee_run_to_stop(struct tracee *tracee, enum tracee_resume how, int *status);

/* Whether the thread has ended, and nobody has been told of it. */
bool tracee_has_ended(const struct tracee *tracee);

/* Waits until `tid`, a new thread or process that is traced since its birth, has stopped for the first
 * time, and detaches from it. Does nothing if it ends first. */
void tracee_let_go(pid_t tid);

/* The blocked signals, as the kernel's 64-bit set: bit n-1 is signal n. */
int tracee_get_sigmask(const struct tracee *tracee, uint64_t *mask);
int tracee_set_sigmask(const struct tracee *tracee, uint64_t mask);

#define SIGNAL_BIT(n) (UINT64_C(1) << ((n) - 1))

int tracee_siginfo(const struct tracee *tracee, siginfo_t *info);
int tracee_event_message(const struct tracee *tracee, unsigned long *message);

/* Whether a syscall stop is on the way in; needs Linux 5.3 (PTRACE_GET_SYSCALL_INFO).
 * *number is the system call's on entry, its result on return; arguments on entry only. */
int tracee_syscall_info(const struct tracee *tracee, bool *entry, int64_t *number,
                        uint64_t arguments[6]);

#endif
