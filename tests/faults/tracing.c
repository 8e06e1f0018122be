/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what differs between CPUs ---- */

#if defined __x86_64__
#include <sys/reg.h>
static void set_call(pid_t pid, long number)
{
    ptrace(PTRACE_POKEUSER, pid, ORIG_RAX * sizeof(long), number);
}
static void set_result(pid_t pid, long value)
{
    ptrace(PTRACE_POKEUSER, pid, RAX * sizeof(long), value);
}
static void set_third(pid_t pid, long value)
{
    ptrace(PTRACE_POKEUSER, pid, RDX * sizeof(long), value);
}
#elif defined __aarch64__
#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif
static void set_register(pid_t pid, int number, long value)
{
    struct user_regs_struct registers;
    struct iovec all = {&registers, sizeof registers};
    ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &all);
    registers.regs[number] = (unsigned long)value;
    ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &all);
}
static void set_call(pid_t pid, long number)
{
    int value = (int)number;
    struct iovec call = {&value, sizeof value};
    ptrace(PTRACE_SETREGSET, pid, (void *)NT_ARM_SYSTEM_CALL, &call);
}
static void set_result(pid_t pid, long value) { set_register(pid, 0, value); }
static void set_third(pid_t pid, long value) { set_register(pid, 2, value); }
#endif

/* ---- which calls are struck ---- */

/* Calls that cannot fail, whatever the state of the host: no program is prepared for it. */
static bool never_fails(long call)
{
    static const long calls[] = {
        SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_futex,
        SYS_getpid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_umask,
        SYS_brk, SYS_clock_gettime, SYS_set_tid_address, SYS_set_robust_list,
#ifdef SYS_arch_prctl
        SYS_arch_prctl,
#endif
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (calls[i] == call)
            return true;
    return false;
}

static bool may_be_short(long call, uint64_t size)
{
    return size > 1 && (call == SYS_read || call == SYS_write || call == SYS_pread64 ||
                        call == SYS_pwrite64);
}

static bool counts(const struct fault *fault, long call, uint64_t third)
{
    if (fault->kind == FAULT_ERROR && fault->value == EINTR && call == SYS_ptrace)
        return false; /* which does not wait */
    if (fault->kind == FAULT_ERROR)
        return !never_fails(call);
    if (fault->kind == FAULT_LASTING)
        return call == SYS_ptrace;
    return fault->kind != FAULT_SHORT || may_be_short(call, third);
}

/* The process that a call acts on, or the program; 0: it acts on none. */
static pid_t acts_on(const struct strike *strike, long call, const uint64_t arguments[6])
{
    switch (call) {
    case SYS_ptrace: return (pid_t)arguments[1];
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_process_vm_readv:
    case SYS_process_vm_writev: return (pid_t)arguments[0];
    case SYS_wait4:
    case SYS_waitid: return strike->target;
    default: return 0;
    }
}

/* Kills a process of the program's family, after those between the program and it: none of them is
 * to see the end of its child and to go on. */
static void kill_member(const struct strike *strike, pid_t pid)
{
    pid_t parent = pid == strike->target ? 0 : look_parent(pid);
    if (parent > 1 && parent != strike->target && parent != getpid())
        kill_member(strike, parent);
    kill(pid, SIGKILL);
}

static void hit(struct strike *strike, pid_t pid, const uint64_t arguments[6])
{
    const struct fault *fault = strike->fault;
    strike->struck_at = now();
    switch (fault->kind) {
    case FAULT_LASTING:
        strike->thread = pid;
        set_call(pid, -1);
        break;
    case FAULT_ERROR:
        strike->thread = pid;
        pid_t victim = acts_on(strike, strike->call, arguments);
        if (fault->value == ESRCH && victim > 0)
            kill_member(strike, victim); /* so that the error is true */
        if (strike->call != SYS_close) /* which closes, whatever it returns */
            set_call(pid, -1);
        break;
    case FAULT_SHORT: set_third(pid, (long)(arguments[2] / 2)); break;
    case FAULT_SIGNAL_TRACER: kill(strike->tracer ? strike->tracer : pid, fault->value); break;
    case FAULT_SIGNAL_TARGET: kill(strike->target, fault->value); break;
    }
}

/* ---- the launcher ---- */

/* Has a launcher that reads its /proc/PID/status see that nobody traces it. */
static void mask_tracer(pid_t pid, uint64_t buffer, int64_t size)
{
    char text[4096], *at;
    struct iovec here = {text, sizeof text - 1}, there = {(void *)(uintptr_t)buffer, (size_t)size};
    if (size > (int64_t)here.iov_len || process_vm_readv(pid, &here, 1, &there, 1, 0) != size)
        return;
    text[size] = '\0';
    at = strstr(text, "TracerPid:\t");
    if (!at)
        return;
    for (at += 11; *at >= '0' && *at <= '9'; at++)
        *at = '0';
    here.iov_len = (size_t)size;
    process_vm_writev(pid, &here, 1, &there, 1, 0);
}

/* Has a launcher that reads see that nobody traces it, and notes how far it has come. */
static void watch_launcher(struct strike *strike, pid_t pid,
                           const struct __ptrace_syscall_info *info)
{
    if (info->op == PTRACE_SYSCALL_INFO_EXIT && strike->buffer && info->exit.rval > 0)
        mask_tracer(pid, strike->buffer, info->exit.rval);
    if (info->op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    bool reads = info->entry.nr == SYS_read || info->entry.nr == SYS_pread64;
    strike->buffer = reads ? info->entry.args[1] : 0;
    strike->has_begun |= strike->is_loaded && !look_is_linker(pid, info->instruction_pointer);
    strike->splits |= strike->has_begun && info->entry.nr == SYS_socketpair;
}

/* Whether a call is not to be struck: the launcher's, where its tracer is struck, the linker's, and
 * that by which it begins to split off its tracer or becomes the program without one; there the
 * launcher is let go, if there is nothing more to wait for. */
static bool passes_over(struct strike *strike, pid_t pid,
                        const struct __ptrace_syscall_info *info)
{
    bool is_struck = strike->tracer == strike->launcher;
    bool becomes_program = strike->has_begun && info->entry.nr == SYS_execve;
    if (info->op != PTRACE_SYSCALL_INFO_ENTRY)
        return false;
    if (becomes_program || (is_struck && strike->splits)) {
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
        return true;
    }
    return !is_struck || !strike->has_begun;
}

/* The launcher splits off its tracer by a child that makes the tracer and ends. Each of the two is
 * let go when it has made its process: the tracer alone is left, from its birth on. */
static void at_birth(struct strike *strike, pid_t pid)
{
    unsigned long child = 0;
    bool is_between = strike->between && pid == strike->between;
    if (!strike->splits || (!is_between && pid != strike->launcher) ||
        ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) < 0)
        return;
    strike->between = is_between ? 0 : (pid_t)child;
    strike->tracer = is_between ? (pid_t)child : 0;
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    if (strike->early == (pid_t)child) {
        strike->early = 0;
        ptrace(PTRACE_SYSCALL, child, NULL, NULL);
    }
}

/* Whether a process has stopped at its birth before it is told who has made it. It waits for that. */
static bool is_early(const struct strike *strike, pid_t pid, int event)
{
    return event == PTRACE_EVENT_STOP && strike->splits && strike->tracer == 0 &&
           pid != strike->launcher && pid != strike->between;
}

/* ---- each call ---- */

/* Counts one more call. Tells whether it is to be struck. */
static bool is_turn(struct strike *strike)
{
    long n = ++strike->calls;
    return n == strike->at ||
           (strike->fault->kind == FAULT_LASTING && strike->at > 0 && n > strike->at);
}

static void at_system_call(struct strike *strike, pid_t pid)
{
    struct __ptrace_syscall_info info = {0};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info) <= 0)
        return;
    if (pid == strike->launcher) {
        watch_launcher(strike, pid, &info);
        if (passes_over(strike, pid, &info))
            return;
    }
    if (pid == strike->between)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && pid == strike->thread) {
        set_result(pid, -strike->fault->value);
        strike->thread = 0;
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !strike->is_loaded)
        return;
    long call = (long)info.entry.nr;
    const uint64_t *arguments = (const uint64_t *)info.entry.args;
    if (counts(strike->fault, call, info.entry.args[2]) && is_turn(strike)) {
        strike->call = call;
        hit(strike, pid, arguments);
    }
}

/* ---- stops ---- */

int tracing_begin(pid_t pid)
{
    const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, pid, NULL, options) < 0 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
        return -errno;
    return 0;
}

void tracing_handle(struct strike *strike, pid_t pid, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;
    strike->last_event = now();
    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
        strike->listening = true;
        ptrace(PTRACE_LISTEN, pid, NULL, NULL);
        return;
    }
    if (signal == (SIGTRAP | 0x80))
        at_system_call(strike, pid);
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)
        at_birth(strike, pid);
    strike->is_loaded |= event == PTRACE_EVENT_EXEC;
    if (is_early(strike, pid, event)) {
        strike->early = pid;
        return;
    }
    bool is_signal = event == 0 && signal != (SIGTRAP | 0x80);
    ptrace(PTRACE_SYSCALL, pid, NULL, (long)(is_signal ? signal : 0));
}
