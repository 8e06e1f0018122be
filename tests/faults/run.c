/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IDLE 0.06   /* seconds without a call, after which a tracer that stays is at rest */
#define PAUSE 0.02  /* seconds for which a process stays stopped */

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- starting ---- */

char **run_words(char **one, char **other)
{
    static char *words[64];
    size_t n = 0;
    for (; one && *one; one++)
        words[n++] = *one;
    for (; other && *other && n < 63; other++)
        words[n++] = *other;
    words[n] = NULL;
    return words;
}

pid_t run_start(struct run *run, char **words, bool is_target, bool wait_for_go, int *go)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, gate[2] = {-1, -1};
    if (is_target && (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)))
        exit(2);
    if (wait_for_go && pipe2(gate, O_CLOEXEC))
        exit(2);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        sigset_t none;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        int peer = run->talk.server_fd >= 0 ? run->talk.server_fd : open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(is_target ? in[0] : peer, 0);
        dup2(is_target ? out[1] : peer, 1);
        dup2(run->errors, 2);
        if (wait_for_go) { /* until the other end is closed */
            close(gate[1]);
            while (read(gate[0], &byte, 1) < 0)
                ;
        }
        execv(words[0], words);
        _exit(99);
    }
    if (is_target) {
        close(in[0]);
        close(out[1]);
        run->input = in[1];
        run->output = out[0];
    }
    if (wait_for_go) {
        close(gate[0]);
        *go = gate[1];
    }
    return pid;
}

/* ---- what happens ---- */

static void read_output(struct run *run)
{
    ssize_t n = read(run->output, run->out + run->out_size, sizeof run->out - run->out_size);
    if (n > 0)
        run->out_size += (size_t)n;
    run->out_ended = n <= 0;
}

static void collect(struct run *run)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
        if (WIFSTOPPED(status)) {
            tracing_handle(&run->strike, pid, status);
        } else if (pid == run->strike.target) {
            run->target_ended = true;
            run->status = status;
        } else if (pid == run->strike.tracer) {
            run->tracer_ended = true;
        }
    }
}

bool run_attaches(const struct run *run)
{
    return run_keeps_stops(run) || run->way->kind == KIND_SERVE;
}

bool run_keeps_stops(const struct run *run)
{
    return run->way->kind == KIND_ATTACH || run->way->kind == KIND_UNDO;
}

/* What was stopped goes on after a while. A program that has been attached to is to stop when it is
 * let go; one that is being started stops under its tracer, which waits. */
static void continue_stopped(struct run *run)
{
    struct strike *strike = &run->strike;
    bool over = strike->call >= 0 && now() > strike->struck_at + PAUSE;
    if (over && strike->listening) {
        strike->listening = false;
        kill(strike->tracer, SIGCONT);
    }
    if (over && !run_keeps_stops(run) && strike->fault->kind == FAULT_SIGNAL_TARGET &&
        strike->fault->value == SIGSTOP && !run->target_ended) {
        kill(strike->target, SIGCONT);
        strike->struck_at = now() + 10 * PAUSE; /* for the next time, should it be needed */
    }
}

bool run_step(struct run *run)
{
    struct pollfd fds[] = {{.fd = run->children, .events = POLLIN},
                           {.fd = run->talk.fd, .events = POLLIN},
                           {.fd = run->out_ended ? -1 : run->output, .events = POLLIN}};
    struct signalfd_siginfo info;
    if (poll(fds, 3, 10) > 0) {
        if (fds[0].revents && read(run->children, &info, sizeof info) < 0)
            exit(2);
        if (fds[2].revents)
            read_output(run);
    }
    if (run->strike.tracer)
        talk_step(&run->talk);
    collect(run);
    continue_stopped(run);
    return now() < run->deadline;
}

static bool is_ready(const struct run *run)
{
    static const char *const words[] = {"ready\n", "loaded\n"};
    const char *end = run->out + run->out_size;
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(words[i]);
        if (run->out_size >= length && memcmp(end - length, words[i], length) == 0)
            return true;
    }
    return false;
}

static bool is_at_rest(const struct run *run)
{
    if (run->target_ended)
        return true;
    enum kind kind = run->way->kind;
    bool is_idle = is_ready(run) && now() > run->strike.last_event + IDLE;
    if (run->strike.tracer && kind == KIND_START) /* it may stay, to watch */
        return run->tracer_ended || (is_idle && !look_tracer(run->strike.target));
    if (run->strike.tracer && kind != KIND_FOLLOW && kind != KIND_LAUNCH)
        return run->tracer_ended;
    return is_idle;
}

bool run_settle(struct run *run)
{
    while (!is_at_rest(run))
        if (!run_step(run))
            return false;
    return true;
}

bool run_becomes_ready(struct run *run)
{
    while (!is_ready(run) && !run->target_ended)
        if (!run_step(run))
            return false;
    return is_ready(run);
}

static bool is_alone(void)
{
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 && errno == ECHILD;
}

bool run_finish(struct run *run)
{
    if (!run->target_ended && write(run->input, "\n", 1) < 0)
        run->status = -1;
    close(run->input);
    run->input = -1;
    while (!run->target_ended || !run->out_ended || !is_alone())
        if (!run_step(run))
            return false;
    return true;
}

/* Ends all that is left: nothing here has other children. */
void run_kill_all(void)
{
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    for (int i = 0; i < 50 && !is_alone(); i++) {
        FILE *list = fopen(path, "re");
        while (list && fscanf(list, "%d", &pid) == 1)
            kill(pid, SIGKILL);
        if (list)
            fclose(list);
        usleep(10000);
        while (waitpid(-1, NULL, __WALL | WNOHANG) > 0)
            ;
    }
}
