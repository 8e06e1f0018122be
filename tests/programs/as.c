/* SPDX-License-Identifier: Apache-2.0
 * Runs a program in another state, as env(1) does with another environment:
 * `as SETTING... -- CMD ARG...`. See apply() for the settings. */
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int block(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    return sigprocmask(SIG_BLOCK, &set, NULL);
}

static int set_limit(int resource, int value)
{
    struct rlimit limit;
    getrlimit(resource, &limit);
    limit.rlim_cur = value < 0 ? limit.rlim_max : (rlim_t)value;
    return setrlimit(resource, &limit);
}

static int pin(int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    return sched_setaffinity(0, sizeof cpus, &cpus);
}

static int apply(const char *name, int n)
{
    struct sched_param none = {0};
    if (!strcmp(name, "block"))
        return block(n);
    if (!strcmp(name, "ignore"))
        return signal(n, SIG_IGN) == SIG_ERR;
    if (!strcmp(name, "pending"))
        return block(n) || kill(getpid(), n);
    if (!strcmp(name, "pending-here")) /* for this thread, not the process */
        return block(n) || raise(n);
    if (!strcmp(name, "close"))
        return close(n);
    if (!strcmp(name, "open"))
        return dup2(STDIN_FILENO, n) != n;
    if (!strcmp(name, "nonblock"))
        return fcntl(n, F_SETFL, O_NONBLOCK);
    if (!strcmp(name, "nice"))
        return setpriority(PRIO_PROCESS, 0, n);
    if (!strcmp(name, "umask"))
        return umask((mode_t)n) == 0777;
    if (!strcmp(name, "root"))
        return chdir("/");
    if (!strcmp(name, "session"))
        return setsid() < 0;
    if (!strcmp(name, "group"))
        return setpgid(0, 0);
    if (!strcmp(name, "no-new-privs"))
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!strcmp(name, "death-signal"))
        return prctl(PR_SET_PDEATHSIG, n);
    if (!strcmp(name, "no-huge-pages"))
        return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    if (!strcmp(name, "slack"))
        return prctl(PR_SET_TIMERSLACK, n);
    if (!strcmp(name, "subreaper"))
        return prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!strcmp(name, "pin"))
        return pin(n);
    if (!strcmp(name, "batch"))
        return sched_setscheduler(0, SCHED_BATCH, &none);
    if (!strcmp(name, "idle"))
        return sched_setscheduler(0, SCHED_IDLE, &none);
    if (!strcmp(name, "ioprio"))
        return (int)syscall(SYS_ioprio_set, 1, 0, n);
    if (!strcmp(name, "personality"))
        return personality((unsigned)n) < 0;
    if (!strcmp(name, "files"))
        return set_limit(RLIMIT_NOFILE, n);
    if (!strcmp(name, "stack"))
        return set_limit(RLIMIT_STACK, n);
    if (!strcmp(name, "core"))
        return set_limit(RLIMIT_CORE, n);
    if (!strcmp(name, "alarm"))
        return (int)alarm((unsigned)n);
    return -1;
}

int main(int argc, char **argv)
{
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--"); i++) {
        char *value = strchr(argv[i], '=');
        if (value)
            *value++ = '\0';
        if (apply(argv[i], value ? (int)strtol(value, NULL, 0) : 0)) {
            fprintf(stderr, "as: %s: %s\n", argv[i], strerror(errno));
            return 99;
        }
    }
    if (i + 1 < argc)
        execvp(argv[i + 1], argv + i + 1);
    return 99;
}
