/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/call.h"

#include "ptrace/beside.h"
#include "ptrace/birth.h"
#include "ptrace/collect.h"
#include "ptrace/debug.h"
#include "ptrace/function.h"
#include "ptrace/traps.h"
#include "ptrace/twin.h"

#include <asm/unistd.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static int save(const struct tracee *thread, struct call *call)
{
    int err = arch_regs_get(thread->tid, &call->regs);
    if (!err)
        err = tracee_get_sigmask(thread, &call->mask);
    if (!err)
        err = extended_save(thread, !call->is_function, &call->extended);
    if (!err && !call->entered)
        call->restarts = arch_restart_argument(thread->tid, &call->regs, &call->restart[0]);
    return err;
}

static int restore(const struct tracee *thread, const struct call *call)
{
    int err = extended_restore(thread, &call->extended);
    if (!err)
        err = arch_regs_set(thread->tid, &call->regs);
    return err ? err : tracee_set_sigmask(thread, call->mask);
}

/* Sets the registers for a system call; the thread is to go on to its entry. */
static int prepare(const struct inferior *inferior, const struct tracee *thread, long number,
                   const uint64_t args[6])
{
    struct arch_regs regs = thread->call->regs;
    arch_syscall_prepare(&regs, inferior->syscall_insn, number, args);
    return arch_regs_set(thread->tid, &regs);
}

/* Lets the thread run to its next stop. */
static int go_on(struct tracee *thread) { return tracee_resume(thread, RESUME_SYSCALL); }

/* The thread is as it was before the call. */
static int be_over(struct tracee *thread)
{
    struct call *call = thread->call;
    if (call->took_restart)
        arch_restart_anew(&call->regs);
    int err = restore(thread, call);
    if (err)
        return err;
    call->leg = LEG_OVER;
    thread->state = TRACEE_STOPPED;
    thread->at_entry = call->entered;
    thread->passes = call->passes;
    thread->passing = call->passing;
    thread->signal = call->held;
    thread->restarts = arch_will_restart(&call->regs) != 0;
    return 1;
}

bool call_is_barred(const struct inferior *inferior, uint64_t insn)
{
    return traps_overlap(inferior, insn, sizeof arch_syscall_insn) ||
           debug_find(inferior, insn) >= 0;
}

/* The call is done, or could not be run: begins to put the thread back. Where it had entered a call
 * at a breakpoint, it enters that elsewhere, and its registers are put back at the entry. */
static int put_back(const struct inferior *inferior, struct tracee *thread)
{
    struct call *call = thread->call;
    struct arch_regs regs = call->regs;
    if (!call->held) /* its handler is given up, be it at a breakpoint of its own: it runs anew */
        call->held = call->delivered;
    if (!call->entered)
        return be_over(thread);
    arch_syscall_rewind(&regs);
    if (call_is_barred(inferior, arch_pc(&regs)) && inferior->syscall_insn)
        arch_set_pc(&regs, inferior->syscall_insn);
    int err = tracee_set_sigmask(thread, ~UINT64_C(0)); /* a function had the thread's own */
    if (!err)
        err = arch_regs_set(thread->tid, &regs);
    call->leg = LEG_INTO_AGAIN;
    return err ? err : go_on(thread);
}

/* The thread has reached the stop of a system call that it was on its way to. */
static int next_leg(const struct inferior *inferior, struct tracee *thread)
{
    struct call *call = thread->call;
    enum function_stop stop;
    int err = 0;
    switch (call->leg) {
    case LEG_OUT_OF_OTHER:
    case LEG_INTO_RESTART:
        call->leg++;
        break;
    case LEG_INTO:
        stop = call->is_function ? function_take_stop(inferior, thread, &err) : FUNCTION_SKIPS;
        if (!err && stop == FUNCTION_IS_OVER)
            return put_back(inferior, thread);
        call->leg += stop == FUNCTION_SKIPS;
        break;
    case LEG_OUT:
        err = call->is_function ? 0 : arch_regs_get(thread->tid, &call->after);
        call->took_restart |= arch_syscall_result(&call->after) == ARCH_RESTART_BLOCK;
        if (!err && !call->restarts)
            return put_back(inferior, thread);
        if (!err)
            err = prepare(inferior, thread, __NR_getpid, call->restart);
        call->leg++;
        break;
    case LEG_OUT_OF_RESTART:
        return put_back(inferior, thread);
    case LEG_INTO_AGAIN:
    case LEG_OVER:
        return be_over(thread);
    }
    return err ? err : go_on(thread);
}

/* Tells whether the instruction itself has raised the signal: all others are blocked. */
static bool is_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL;
}

static bool is_birth(int kind)
{
    return kind == PTRACE_EVENT_CLONE || kind == PTRACE_EVENT_FORK || kind == PTRACE_EVENT_VFORK;
}

/* Tells whether a birth is told when the thread is resumed. A function may make several tasks, and
 * wait for them: so of these only a process is told of, the first one, if it is to be. */
static bool is_told(const struct inferior *inferior, const struct tracee *thread, int kind)
{
    if (!thread->call->is_function)
        return !thread->born;
    return !thread->born && inferior->follows && kind == PTRACE_EVENT_FORK;
}

/* The call has made a thread or process. If it is not told of later, a thread is taken in at once,
 * and a process is let go. */
static int note_birth(struct inferior *inferior, struct tracee *thread, int status)
{
    unsigned long new = 0;
    pid_t tid = thread->tid;
    int kind = status >> 16, err = tracee_event_message(thread, &new);
    if (err)
        return err;
    if (kind != PTRACE_EVENT_CLONE)
        birth_see(inferior, thread, (pid_t)new, kind == PTRACE_EVENT_VFORK);
    if (!thread->call->is_function) /* which makes processes alone: see uncallable.lua */
        twin_place(thread->call, (pid_t)new);
    if (is_told(inferior, thread, kind)) {
        thread->born = status;
        thread->born_tid = (pid_t)new;
        return go_on(thread);
    }
    if (kind != PTRACE_EVENT_CLONE)
        collect_let_go((pid_t)new);
    else
        err = birth_take_thread(inferior, (pid_t)new);
    thread = inferior_find(inferior, tid); /* the table may have moved */
    return err ? err : go_on(thread);
}

/* Handles a stop on the way. A signal is held. SIGSTOP is given back at once instead: no mask keeps
 * it away, and given back later it would undo a SIGCONT that has come since. The kernel then knows
 * of the group stop, which what the thread does for the tracer meanwhile does not end. */
static int take_other(struct inferior *inferior, struct tracee *thread, int status)
{
    struct call *call = thread->call;
    int signal = WSTOPSIG(status), kind = status >> 16;
    if (call->is_function && call->leg == LEG_INTO && kind == 0 && signal != SIGSTOP)
        return function_take_signal(thread, signal) ? put_back(inferior, thread) : go_on(thread);
    if (kind == 0 && signal == SIGSYS) {
        call->err = -EPERM;
        return put_back(inferior, thread);
    }
    if (kind == 0 && is_fault(signal)) {
        inferior->syscall_insn = 0; /* it is gone: the next call looks for another one */
        call->err = -EFAULT;
        return put_back(inferior, thread);
    }
    if (kind == PTRACE_EVENT_VFORK_DONE)
        birth_done(inferior, thread);
    if (is_birth(kind))
        return note_birth(inferior, thread, status);
    /* Interrupted before the call, as a thread in a frozen control group (v2) can be. */
    if (call->err && kind == PTRACE_EVENT_STOP && call->leg == LEG_INTO)
        return put_back(inferior, thread);
    if (kind == 0 && signal == SIGSTOP)
        thread->signal = SIGSTOP;
    else if (kind == 0)
        call->held = signal;
    else if (kind == PTRACE_EVENT_STOP && signal != SIGTRAP)
        thread->job_stopped = true;
    return go_on(thread);
}

int call_take(struct inferior *inferior, struct tracee *thread, int status)
{
    thread->state = TRACEE_STOPPED;
    if (status >> 16 == PTRACE_EVENT_EXEC) { /* another program: nothing is left to put back */
        call_forget(thread);
        tracee_keep_status(thread, status);
        return -ESRCH;
    }
    int result = WSTOPSIG(status) == TRACEE_SYSCALL_STOP && status >> 16 == 0
                     ? next_leg(inferior, thread)
                     : take_other(inferior, thread, status);
    if (result < 0 && result != -ESRCH)
        inferior_send_kill(inferior);
    if (result < 0)
        thread->state = TRACEE_RUNNING; /* until its end, of which wait tells */
    return result < 0 ? -ESRCH : result;
}

/* Sets the thread going, from which what follows is saved. The call is not yet the thread's. */
static int start(struct inferior *inferior, struct tracee *thread, struct call *call)
{
    call->entered = thread->at_entry;
    call->passes = thread->passes;
    call->passing = thread->passing;
    call->leg = call->entered ? LEG_OUT_OF_OTHER : LEG_INTO;
    thread->call = call;
    int err = save(thread, call);
    if (err) {
        call_forget(thread);
        return err;
    }
    bool group_stopped = thread->state == TRACEE_GROUP_STOPPED;
    int signal = thread->signal;
    thread->job_stopped |= group_stopped;
    thread->signal = signal == SIGSTOP ? signal : 0;
    call->held = signal == SIGSTOP ? 0 : signal;
    if (call->is_function)
        err = function_prepare(inferior, thread);
    else
        err = tracee_set_sigmask(thread, ~UINT64_C(0));
    if (!err && !call->is_function)
        err = prepare(inferior, thread, call->number, call->args);
    if (!err)
        err = go_on(thread);
    if (err) {
        restore(thread, call); /* fails only where the thread is gone */
        thread->signal = signal;
        call_forget(thread);
    }
    return err;
}

/* Tells whether a call neither tells nor changes where the thread may run, nor who may change that;
 * and leaves the thread's tasks as they are. */
static bool is_of_memory(long number)
{
    return number == __NR_mmap || number == __NR_munmap || number == __NR_mprotect ||
           number == __NR_mremap || number == __NR_madvise || number == __NR_openat ||
           number == __NR_close || number == __NR_prctl;
}

static void place(const struct inferior *inferior, const struct tracee *thread, long number)
{
    unsigned kill = (unsigned)PTRACE_O_EXITKILL;
    if (!is_of_memory(number))
        beside_end(thread->tid);
    else if (inferior->stays_beside && inferior->options & kill && thread->options & kill)
        beside_begin(thread->tid);
}

int call_start(struct inferior *inferior, struct tracee *thread, long number,
               const uint64_t args[6])
{
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return -ENOMEM;
    place(inferior, thread, number);
    call->number = number;
    memcpy(call->args, args, sizeof call->args);
    return start(inferior, thread, call);
}

int call_start_function(struct inferior *inferior, struct tracee *thread,
                        const struct function *function)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return -ENOMEM;
    beside_end(thread->tid);
    call->is_function = true;
    call->function = *function;
    return start(inferior, thread, call);
}

int call_finish(struct tracee *thread, int64_t *result)
{
    int err = thread->call->err;
    *result = arch_syscall_result(&thread->call->after);
    call_forget(thread);
    return err;
}

int call_finish_function(struct tracee *thread, struct function_end *end)
{
    int err = thread->call->err;
    *end = thread->call->end;
    call_forget(thread);
    return err;
}

void call_fail(struct tracee *thread, int err)
{
    if (thread->call && !thread->call->err)
        thread->call->err = err;
}

bool call_has_failed(const struct tracee *thread) { return thread->call->err != 0; }

void call_forget(struct tracee *thread)
{
    if (thread->call)
        extended_free(&thread->call->extended);
    free(thread->call);
    thread->call = NULL;
}
