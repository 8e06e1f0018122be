/* SPDX-License-Identifier: Apache-2.0
 * Events: what happens to an inferior, made out of the wait statuses of its threads. */
#ifndef TIEXEC_EVENT_H
#define TIEXEC_EVENT_H

#include "ptrace/inferior.h"
#include "ptrace/watchpoint.h"

enum event_reason {
    EVENT_EXEC,            /* execve has returned; the new program has executed nothing yet */
    EVENT_BREAKPOINT,      /* the thread is at `address`, and has not executed what is there */
    EVENT_WATCHPOINT,      /* the thread has touched what is watched: `touch` */
    EVENT_SIGNAL,          /* signal `number` has come; resuming gives it back */
    EVENT_SYSCALL_ENTRY,   /* `value` is the system call's number */
    EVENT_SYSCALL_RETURN,  /* `value` is its result */
    EVENT_STEP,            /* one instruction was executed (RESUME_STEP) */
    EVENT_FORK,            /* `value` is the new process, which is traced too: see inferior_adopt */
    EVENT_VFORK,           /* the same; the new process shares the memory of this one, whose
                            * thread waits until the new process execs or ends */
    EVENT_VFORK_DONE,      /* the thread's vfork child has exec'd or ended (`tells_vfork_done`) */
    EVENT_GROUP_STOP,      /* job control signal `number` has stopped the thread */
    EVENT_THREAD_EXITED,   /* one thread of several has ended */
    EVENT_EXITED,          /* the process ended with exit code `number` */
    EVENT_EXITED_SIGNALLED /* the process was killed by signal `number` */
};

struct event {
    enum event_reason reason;
    pid_t tid;
    int number;
    bool core_dumped;
    int64_t value;
    int64_t syscall;       /* EVENT_SYSCALL_RETURN: its number; negative: it is not known */
    uint64_t address;
    uint64_t arguments[6]; /* of the system call, on entry */
    bool stepped;          /* EVENT_BREAKPOINT, EVENT_WATCHPOINT: at the end of a RESUME_STEP */
    struct touch touch;
};

/* Takes in one wait status of `thread`, which is now stopped or gone. Returns 1 when *event was
 * filled, 0 when there is nothing to tell (event->tid is set), or -errno. Where the thread is gone
 * it is no longer in the table, and `thread` is no longer valid. */
int event_take(struct inferior *inferior, struct tracee *thread, int status, struct event *event);

#endif
