/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ending.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

#define TICK_US 50000

static const int signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGTERM,
                              SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU};
static volatile sig_atomic_t first, count;
static volatile sig_atomic_t is_prompt, may_interrupt, interrupted; /* SIGINT at a prompt */
static void (*volatile to_notify)(void);

/* A blocking call may begin just after the signal: so a timer sends SIGALRM from now on. */
static void tick(bool on)
{
    const struct itimerval ticks = {{0, TICK_US}, {0, TICK_US}}, none = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, on ? &ticks : &none, NULL);
}

/* SIGINT at a prompt. */
static void interrupt(void)
{
    if (!may_interrupt || interrupted)
        return;
    interrupted = 1;
    tick(true);
    to_notify();
}

static void on_signal(int signal)
{
    int before = errno;
    if ((first || interrupted) && signal == SIGALRM)
        return;
    if (is_prompt && signal == SIGINT) {
        interrupt();
        errno = before;
        return;
    }
    if (!first) {
        first = signal;
        tick(true);
    }
    count = count + 1;
    to_notify();
    errno = before;
}

void ending_watch(void (*notify)(void))
{
    struct sigaction action = {.sa_handler = on_signal}, old;
    if (to_notify)
        return;
    to_notify = notify;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
}

int ending_signal(void) { return !first && interrupted ? SIGINT : first; }

int ending_count(void) { return count; }

void ending_interrupts(bool on)
{
    is_prompt = 1;
    may_interrupt = on;
    if (interrupted && !first)
        tick(false);
    interrupted = 0;
}

bool ending_interrupted(void) { return interrupted; }

void ending_finish(void)
{
    sigset_t mine;
    if (!first)
        return;
    signal(first, SIG_DFL);
    sigemptyset(&mine);
    sigaddset(&mine, first);
    sigprocmask(SIG_UNBLOCK, &mine, NULL);
    raise(first);
}
