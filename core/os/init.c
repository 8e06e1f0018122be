/* SPDX-License-Identifier: Apache-2.0 */
#include "os/init.h"

#include "base/descriptors.h"
#include "base/message.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel drops signals for process 1 that are neither handled nor blocked: so all are blocked,
 * and wait. */
int init_fork(pid_t *child)
{
    sigset_t all, before;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) < 0)
        return -errno;
    fflush(NULL);
    *child = fork();
    int err = *child < 0 ? -errno : 0;
    if (*child <= 0)
        sigprocmask(SIG_SETMASK, &before, NULL);
    return err;
}

/* Collects all children that have ended, and tells whether `child` is one of them. */
static bool collect(pid_t child, int *status)
{
    int one;
    for (pid_t pid; (pid = waitpid(-1, &one, WNOHANG | __WALL)) > 0;)
        if (pid == child) {
            *status = WIFSIGNALED(one) ? 128 + WTERMSIG(one) : WEXITSTATUS(one);
            return true;
        }
    return false;
}

/* Passes a signal on if a process has sent it, with its value if it has one. */
static void pass_on(pid_t child, const siginfo_t *info)
{
    if (info->si_code == SI_QUEUE)
        sigqueue(child, info->si_signo, info->si_value);
    else if (info->si_code <= 0)
        kill(child, info->si_signo);
}

int init_run(pid_t child, int *status)
{
    sigset_t all;
    siginfo_t info;
    sigfillset(&all);
    descriptors_leave(-1, -1);
    message_leave();
    while (!collect(child, status)) {
        int signal = sigwaitinfo(&all, &info);
        if (signal < 0 && errno != EINTR)
            return -errno;
        if (signal > 0 && signal != SIGCHLD) /* at EINTR `info` is that of the last signal */
            pass_on(child, &info);
    }
    return 0;
}
