/* SPDX-License-Identifier: Apache-2.0
 * Events: what happens to an inferior, made out of the wait statuses of its threads. */
#ifndef TIEXEC_EVENT_H
#define TIEXEC_EVENT_H

#include "ptrace/inferior.h"

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

/* Takes in one wait status of `thread`, which is now stopped or gone. Returns 1 when *event was filled,
 * 0 when there is nothing to tell (event->tid is set), or -errno. Where the thread is gone it is no longer
 * in the table, and `thread` is no longer valid. */
int event_take(struct inferior *inferior, struct tracee *thread, int status, struct event *event);

#endif
