/* SPDX-License-Identifier: Apache-2.0 */
#include "os/init.h"

#include "base/descriptors.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Blocked signals wait for process 1, too; those that it merely does not handle never reach it. */
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

/* Collects all that has ended. Returns whether the child has. */
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
    while (!collect(child, status)) {
        if (sigwaitinfo(&all, &info) < 0 && errno != EINTR)
            return -errno;
        if (info.si_signo != SIGCHLD)
            pass_on(child, &info);
    }
    return 0;
}
