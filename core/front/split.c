/* SPDX-License-Identifier: Apache-2.0 */
#include "front/split.h"

#include "front/options.h"
#include "front/system.h"

#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KERNEL_SIGNALS 8 /* bytes of the kernel's sigset_t */

static long this_process(void) { return system_call(SYS_getpid, 0, 0, 0, 0); }

/* ---- a channel of two sides, for one int at a time; a side that ends closes it ---- */

static bool channel_send(int fd, int value)
{
    const long arguments[6] = {fd, (long)&value, sizeof value, MSG_NOSIGNAL, 0, 0};
    long sent;
    do
        sent = arch_call(SYS_sendto, arguments);
    while (sent == -EINTR);
    return sent == sizeof value;
}

/* A negative timeout: for ever. Returns 0 or -errno. */
static int channel_receive(int fd, int timeout, int *value)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    struct timespec time = {timeout / 1000, timeout % 1000 * 1000000L};
    const long poll[6] = {(long)&poller, 1, timeout < 0 ? 0 : (long)&time, 0, KERNEL_SIGNALS, 0};
    const long receive[6] = {fd, (long)value, sizeof *value, 0, 0, 0};
    long ready;
    do /* the kernel changes `time` to what is left */
        ready = arch_call(SYS_ppoll, poll);
    while (ready == -EINTR);
    if (ready <= 0)
        return ready < 0 ? (int)ready : -ETIMEDOUT;
    return arch_call(SYS_recvfrom, receive) == sizeof *value ? 0 : -EPIPE;
}

/* ---- the tracer's side ---- */

static void end(void)
{
    for (;;)
        system_call(SYS_exit_group, 0, 0, 0, 0);
}

/* Leaves behind what this process has of the target's: its folder, which may be on a filesystem
 * that is to be unmounted, and its files, standard ones up to `last`. Where close_range is missing
 * (before Linux 5.9) they stay open while this process lives. */
static void leave_files(int channel, long last)
{
    long null = system_call(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR | O_CLOEXEC, 0);
    if (null < 0)
        null = system_call(SYS_openat, AT_FDCWD, (long)"/", O_PATH | O_CLOEXEC, 0);
    for (long fd = STDIN_FILENO; null >= 0 && fd <= last; fd++)
        system_call(SYS_dup3, null, fd, 0, 0);
    system_call(SYS_chdir, (long)"/", 0, 0, 0);
    system_close(channel);
    system_call(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, 0, 0);
}

/* Signals wait for ever: those of the terminal are the target's. */
static void block_signals(void)
{
    const uint64_t all = UINT64_MAX;
    const unsigned long action[4] = {0}; /* SIG_DFL */
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, 0, KERNEL_SIGNALS);
    system_call(SYS_rt_sigaction, SIGCHLD, (long)action, 0, KERNEL_SIGNALS);
}

/* Waits until the target's end of the channel is closed. */
static void become_watcher(int channel, struct stat *error)
{
    int none = 0;
    block_signals();
    system_stat_open(STDERR_FILENO, error);
    while (channel_receive(channel, -1, &none) == 0)
        ;
    system_call(SYS_setsid, 0, 0, 0, 0);
    leave_files(channel, STDERR_FILENO);
}

/* Seizes the target, and tells it what has come of that. */
static long seize(int channel, long target)
{
    long err = system_call(SYS_ptrace, PTRACE_SEIZE, target, 0, FRONT_TRACE_OPTIONS);
    return channel_send(channel, (int)err) ? err : -EPIPE;
}

/* Seizes the target, which then goes on. Ends this process if that fails. */
static void become_tracer(int channel, long target)
{
    int go = 0;
    block_signals();
    long err = seize(channel, target);
    if (err == -EPERM && channel_receive(channel, -1, &go) == 0) /* see await_tracer */
        err = seize(channel, target);
    if (err)
        end();
    system_call(SYS_setsid, 0, 0, 0, 0);
    leave_files(channel, STDOUT_FILENO);
}

/* ---- the target's side ---- */

/* Makes a copy of this process; `flags` has its exit signal. It is part of its caller: with
 * CLONE_VM a return of the copy would overwrite where this process returns to. */
static inline __attribute__((always_inline)) long copy(long flags)
{
    const long arguments[6] = {flags, 0, 0, 0, 0, 0};
    return arch_call(SYS_clone, arguments);
}

/* Makes the tracer, a grandchild whose parent is gone. The child between has no exit signal, so
 * that the target gets none. Returns true in the tracer; in the target, to whose channel the
 * tracer's id is sent, false. */
static bool copy_orphan(int channel)
{
    long between = copy(CLONE_VM | CLONE_VFORK), status = 0;
    if (between == 0) {
        long tracer = copy(SIGCHLD);
        if (tracer == 0)
            return true;
        channel_send(channel, (int)tracer);
        end();
    }
    while (between > 0 &&
           system_call(SYS_wait4, between, (long)&status, (long)(unsigned)__WALL, 0) == -EINTR)
        ;
    return false;
}

/* Changes whether this process is a "child subreaper", and gives what it was. */
static bool set_subreaper(bool on)
{
    int was = 0;
    system_call(SYS_prctl, PR_GET_CHILD_SUBREAPER, (long)&was, 0, 0);
    if (was != (int)on)
        system_call(SYS_prctl, PR_SET_CHILD_SUBREAPER, on, 0, 0);
    return was;
}

/* Allows a tracer, which was refused, what Yama keeps from a process that is no ancestor. */
static int allow(int channel, int tracer, int timeout, int *answer)
{
    if (system_call(SYS_prctl, PR_SET_PTRACER, tracer, 0, 0)) /* there is no Yama */
        return -EPERM;
    int err = channel_send(channel, 1) ? channel_receive(channel, timeout, answer) : -EPIPE;
    if (err || *answer)
        system_call(SYS_prctl, PR_SET_PTRACER, 0, 0, 0);
    return err;
}

/* Reads the tracer's id, which is positive, and its answer, which is not, in whichever order they
 * come. If there is no tracer its end of the channel is closed. */
static int meet_tracer(int channel, int timeout, int *tracer, int *answer)
{
    int err = 0;
    for (bool is_answered = false; !err && (*tracer == 0 || !is_answered);) {
        int value = 0;
        err = channel_receive(channel, timeout, &value);
        if (!err && value <= 0)
            is_answered = true;
        *(value > 0 ? tracer : answer) = value;
    }
    return err;
}

/* Waits until the tracer says that it has seized this process: it does so at once, or it asks for
 * permission. */
static bool await_tracer(int channel, int timeout)
{
    int tracer = 0, answer = 0, err = meet_tracer(channel, timeout, &tracer, &answer);
    if (!err && answer == -EPERM)
        err = allow(channel, tracer, timeout, &answer);
    if (err == -ETIMEDOUT && tracer > 0)
        system_call(SYS_kill, tracer, SIGKILL, 0, 0);
    return !err && !answer;
}

/* Makes a channel and an orphan at its other end. Returns the side of this process. */
static enum split_side split(int *channel)
{
    int ends[2] = {-1, -1};
    if (system_call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, (long)ends) < 0)
        return SPLIT_NONE;
    bool was_subreaper = set_subreaper(false), is_orphan = copy_orphan(ends[1]);
    *channel = ends[is_orphan];
    system_close(ends[!is_orphan]);
    if (was_subreaper && !is_orphan)
        set_subreaper(true);
    return is_orphan ? SPLIT_TRACER : SPLIT_TARGET;
}

enum split_side split_off(int timeout, int *tracee)
{
    int channel;
    long target = this_process();
    enum split_side side = split(&channel);
    if (side == SPLIT_TRACER) {
        become_tracer(channel, target);
        *tracee = (int)target;
    } else if (side == SPLIT_TARGET) {
        side = await_tracer(channel, timeout) ? SPLIT_TARGET : SPLIT_NONE;
        system_close(channel);
    }
    return side;
}

enum split_side split_watcher(int *target, struct stat *error)
{
    int channel, watcher = 0, id = (int)this_process();
    enum split_side side = split(&channel);
    if (side == SPLIT_TRACER) {
        become_watcher(channel, error);
        *target = id;
    } else if (side == SPLIT_TARGET) { /* the exec closes the channel */
        if (channel_receive(channel, 0, &watcher) == 0 && watcher > 0) {
            system_call(SYS_prctl, PR_SET_PTRACER, watcher, 0, 0); /* fails without Yama */
        } else {
            system_close(channel);
            side = SPLIT_NONE;
        }
    }
    return side;
}
