/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/launch.h"

#include "base/descriptors.h"
#include "base/program.h"
#include "front/options.h"
#include "ptrace/collect.h"
#include "ptrace/run.h"
#include "ptrace/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS FRONT_TRACE_OPTIONS

#define END_MS        5000 /* the longest that a killed child is waited for */
#define BETWEEN_STACK 32768

/* ---- a channel of two sides, for one int at a time; a side that ends closes it ---- */

static int channel_send(int fd, int value)
{
    ssize_t n;
    do
        n = send(fd, &value, sizeof value, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == sizeof value ? 0 : -EPIPE;
}

static int channel_receive(int fd, int timeout, int *value)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&poller, 1, timeout);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return ready < 0 ? -errno : -ETIMEDOUT;
    return recv(fd, value, sizeof *value, 0) == sizeof *value ? 0 : -EPIPE;
}

/* ---- the tracer's side ---- */

int launch_take(pid_t target, struct inferior *inferior)
{
    collect_own_signals(true);
    int err = inferior_init(inferior, target, OPTIONS, false);
    inferior->is_launched = true;
    return err;
}

/* Seizes the target, tells it, and leaves behind what this process has of it. Ends the process if
 * that fails. */
static void become_tracer(int channel, int keep, pid_t target, struct inferior *inferior)
{
    sigset_t all;
    int go;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGCHLD, SIG_DFL); /* ignored, it would make waitpid forget */
    if (channel_receive(channel, -1, &go)) /* by then the target has named this process to Yama */
        _exit(0);
    int err = tracee_seize(target, OPTIONS);
    if (channel_send(channel, err) || err) /* now the target goes on, by itself if that failed */
        _exit(0);
    setsid();
    descriptors_leave(channel, keep);
    close(channel);
    if (launch_take(target, inferior))
        _exit(0);
}

/* ---- the target's side ---- */

/* What the child between does, and where its own child goes on. */
struct birth {
    int channel;
    jmp_buf place;
};

/* The child between. It shares the target's memory, which stands still meanwhile, and has a stack
 * of its own. Its child has a copy of the memory, and leaves for the target's stack in there. */
static int be_between(void *argument)
{
    struct birth *birth = argument;
    pid_t pid = fork();
    if (pid == 0)
        longjmp(birth->place, 1);
    channel_send(birth->channel, pid);
    _exit(0);
}

/* Makes the tracer, a grandchild whose parent is gone, so that it is no child of the target. The
 * child between has no exit signal: so the target gets no SIGCHLD, and waitpid works even if the
 * target ignores SIGCHLD. A copy of the memory would be made twice, were it not shared with that
 * child. Returns 0 or -errno in the target, to whose channel the tracer's pid is sent; and 1 in the
 * tracer. */
static int fork_orphan(int channel)
{
    _Alignas(16) char stack[BETWEEN_STACK]; /* below `birth.place`, as longjmp wants it */
    struct birth birth = {.channel = channel};
    if (setjmp(birth.place))
        return 1;
    pid_t middle = clone(be_between, stack + sizeof stack, CLONE_VM | CLONE_VFORK, &birth);
    if (middle < 0)
        return -errno;
    int status;
    while (waitpid(middle, &status, __WALL) < 0 && errno == EINTR)
        ;
    return 0;
}

/* Changes whether this process is a "child subreaper", and gives what it was. Orphans become
 * children of the nearest ancestor that is one. If that were this process, the tracer would become
 * its child. */
static bool set_subreaper(bool on)
{
    int was = 0;
    prctl(PR_GET_CHILD_SUBREAPER, &was);
    if (was != (int)on)
        prctl(PR_SET_CHILD_SUBREAPER, (unsigned long)on);
    return was;
}

/* Waits until the tracer says that it has seized this process. */
static int await_tracer(int channel, int timeout)
{
    int tracer, answer;
    int err = channel_receive(channel, timeout, &tracer);
    if (err || tracer < 0)
        return err ? err : -EAGAIN;
    prctl(PR_SET_PTRACER, (unsigned long)tracer); /* fails where there is no Yama, which is fine */
    err = channel_send(channel, 1);
    if (!err)
        err = channel_receive(channel, timeout, &answer);
    if (err == -ETIMEDOUT)
        kill(tracer, SIGKILL);
    if (err || answer)
        prctl(PR_SET_PTRACER, 0UL);
    return err ? err : answer;
}

int launch_split(int timeout, int keep, enum launch_side *side, struct inferior *inferior)
{
    int ends[2];
    pid_t target = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    fflush(NULL);
    bool subreaper = set_subreaper(false);
    int forked = fork_orphan(ends[1]);
    if (forked == 1) {
        close(ends[0]);
        become_tracer(ends[1], keep, target, inferior);
        *side = LAUNCH_TRACER;
        return 0;
    }
    close(ends[1]);
    if (subreaper)
        set_subreaper(true);
    *side = LAUNCH_TARGET;
    int err = forked < 0 ? forked : await_tracer(ends[0], timeout);
    close(ends[0]);
    return err;
}

/* ---- a child of this process ---- */

/* Gives the child its standard files. All are duplicated first: one may be in another's place. */
static int set_files(const int files[3])
{
    int copies[3];
    for (int i = 0; i < 3; i++) {
        copies[i] = files[i] < 0 ? -1 : fcntl(files[i], F_DUPFD_CLOEXEC, 3);
        if (files[i] >= 0 && copies[i] < 0)
            return -errno;
    }
    for (int i = 0; i < 3; i++)
        if (copies[i] >= 0 && dup2(copies[i], i) < 0)
            return -errno;
    return 0;
}

static int fix_addresses(void)
{
    int old = personality(0xffffffff);
    return old < 0 || personality((unsigned)old | ADDR_NO_RANDOMIZE) < 0 ? -errno : 0;
}

/* Takes the steps up to execve. Returns 0 or -errno, and *step is the one that failed. */
static int take_steps(const struct launch_options *options, enum launch_step *step)
{
    *step = LAUNCH_FILES;
    int err = set_files(options->files);
    if (!err && options->fixed_addresses) {
        *step = LAUNCH_ADDRESSES;
        err = fix_addresses();
    }
    if (!err && options->become) {
        *step = LAUNCH_USER;
        err = options->become(options->context);
    }
    if (!err && options->folder) { /* as the user, who may not be let into it */
        *step = LAUNCH_FOLDER;
        err = chdir(options->folder) < 0 ? -errno : 0;
    }
    return err;
}

/* What the child does: it waits until it is seized, and execs. Where that fails it tells the parent
 * at which step, and why. */
static void run_child(int channel, const char *path, char *const argv[],
                      const struct launch_options *options)
{
    int go, err;
    enum launch_step step;
    if (channel_receive(channel, -1, &go) == 0) {
        err = take_steps(options, &step);
        if (!err) {
            step = LAUNCH_EXEC;
            if (options->environment)
                environ = (char **)(uintptr_t)options->environment;
            err = program_exec(path, argv);
        }
        channel_send(channel, (int)step);
        channel_send(channel, err);
    }
    _exit(127);
}

/* Receives what a child has told. Returns -errno. */
static int child_failure(int channel, enum launch_step *step)
{
    int number = LAUNCH_EXEC, err = 0;
    if (channel_receive(channel, 0, &number) || channel_receive(channel, 0, &err))
        return -ECHILD;
    *step = (enum launch_step)number;
    return err;
}

/* Ends a child that could not be started, and collects it. */
static void end_child(struct inferior *inferior, pid_t pid, bool is_traced)
{
    struct event event;
    kill(pid, SIGKILL); /* it is this process's child: nobody else can have its id */
    if (!is_traced)
        waitpid(pid, NULL, __WALL);
    while (is_traced && !inferior->exited && inferior_wait(inferior, END_MS, &event) == 0)
        ;
}

int launch_child(const char *path, char *const argv[], const struct launch_options *options,
                 struct inferior *inferior, enum launch_step *step)
{
    int ends[2];
    struct event event = {0};
    *step = LAUNCH_EXEC;
    *inferior = (struct inferior){.mem = -1, .pidfd = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_child(ends[1], path, argv, options);
    }
    int err = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (!err)
        err = inferior_init(inferior, pid, OPTIONS, true);
    if (!err)
        err = tracee_seize(pid, OPTIONS);
    inferior->is_launched = true;
    bool seized = !err;
    if (!err)
        err = channel_send(ends[0], 1);
    while (!err) { /* signals may come first: the program gets them */
        err = inferior_wait(inferior, -1, &event);
        if (err || event.reason == EVENT_EXEC || inferior->exited)
            break;
        err = inferior_resume(inferior, RESUME_CONT);
    }
    if (!err && inferior->exited)
        err = child_failure(ends[0], step);
    close(ends[0]);
    if (err && pid > 0 && !inferior->exited)
        end_child(inferior, pid, seized);
    if (err)
        inferior_free(inferior);
    return err;
}
