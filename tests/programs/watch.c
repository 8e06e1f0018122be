/* SPDX-License-Identifier: Apache-2.0
 * The parent that sees all: `watch [OPTION]... -- CMD ARG...` starts CMD and prints what becomes of
 * it, and how many SIGCHLD came, from whom. WATCH_* in CMD's environment say who is who.
 *   send=SIG,SIG…   sends the signals, one right after the other, `after` microseconds from the start
 *   after=N         ("ready": when CMD has written a line)
 *   stops=SIG       waits for CMD to stop then, and sends SIGCONT and SIG
 *   block=SIG, ignore=SIG  is so from the very beginning
 *   mute            CMD's standard output is /dev/null
 * CMD is killed when it has not ended in 10 seconds: "stuck". */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t chld_count, chld_strange;
static pid_t child;

static void on_chld(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    chld_count++;
    chld_strange += child && info->si_pid != child;
}

static void set_number(const char *name, pid_t number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    setenv(name, text, 1);
}

static pid_t start(char **argv, int out)
{
    set_number("WATCH_PID", getpid());
    set_number("WATCH_GROUP", getpgrp());
    set_number("WATCH_SESSION", getsid(0));
    pid_t pid = fork();
    if (pid)
        return pid;
    set_number("WATCH_CHILD", getpid());
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
    execvp(argv[0], argv);
    _exit(127);
}

static void sleep_us(long us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000}, rest;
    while (nanosleep(&t, &rest) < 0)
        t = rest;
}

static void show(int status, const char *after)
{
    if (WIFEXITED(status))
        printf("exit %d%s", WEXITSTATUS(status), after);
    else if (WIFSTOPPED(status))
        printf("stop %d%s", WSTOPSIG(status), after);
    else if (WIFSIGNALED(status))
        printf("signal %d%s%s", WTERMSIG(status), WCOREDUMP(status) ? " core" : "", after);
    else
        printf("continued%s", after);
}

/* Waits for news, 10 seconds at most. 0: nothing came. */
static int wait_status(int *status, int options)
{
    for (long us = 0; us < 10000000; us += 500) {
        if (waitpid(child, status, options | WNOHANG) == child)
            return 1;
        sleep_us(500);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
    const char *send = "", *after = NULL;
    int i = 1, stops = 0, mute = 0, status = 0, ends[2], out = -1;
    for (; i < argc && strcmp(argv[i], "--"); i++) {
        if (!strncmp(argv[i], "send=", 5))
            send = argv[i] + 5;
        else if (!strncmp(argv[i], "after=", 6))
            after = argv[i] + 6;
        if (!strncmp(argv[i], "block=", 6)) {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, atoi(argv[i] + 6));
            sigprocmask(SIG_BLOCK, &set, NULL);
        }
        if (!strncmp(argv[i], "ignore=", 7))
            signal(atoi(argv[i] + 7), SIG_IGN);
        if (!strncmp(argv[i], "stops=", 6))
            stops = atoi(argv[i] + 6);
        mute |= !strcmp(argv[i], "mute");
    }
    sigaction(SIGCHLD, &action, NULL);
    if (i + 1 >= argc || pipe2(ends, O_CLOEXEC) < 0)
        return 99;
    int on_ready = after && !strcmp(after, "ready");
    if (on_ready)
        out = ends[1];
    else if (mute)
        out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    child = start(argv + i + 1, out);
    close(ends[1]);
    char line[16];
    struct pollfd poller = {.fd = ends[0], .events = POLLIN};
    if (on_ready) {
        while (poll(&poller, 1, 60000) < 0)
            ;
        (void)!read(ends[0], line, sizeof line);
    } else if (after) {
        sleep_us(atol(after));
    }
    for (const char *at = send; *at; at += strcspn(at, ","), at += *at == ',')
        kill(child, atoi(at));
    if (stops) {
        printf(wait_status(&status, WUNTRACED) ? "" : "never stopped ");
        if (WIFSTOPPED(status))
            show(status, " ");
        kill(child, SIGCONT);
        kill(child, stops);
    }
    int ended = (stops && !WIFSTOPPED(status)) || wait_status(&status, 0);
    if (!ended) {
        kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0)
            ;
        printf("stuck\n");
    } else {
        show(status, "\n");
    }
    if (!*send)
        printf("chld %d strange %d children %s\n", (int)chld_count, (int)chld_strange,
               waitpid(-1, &status, WNOHANG) < 0 ? "none" : "left");
    return 0;
}
