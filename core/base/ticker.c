/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ticker.h"

#include <errno.h>
#include <setjmp.h>
#include <time.h>
#include <unistd.h>

static bool ticks;
static sigjmp_buf way_out;
static volatile sig_atomic_t may_leave; /* `way_out` leads out of the present system call */

/* The only jump of this program: there is no other way out of a system call that the kernel makes
 * again. Nothing but that call is left behind by it. */
static void on_tick(int signal)
{
    (void)signal;
    if (may_leave)
        siglongjmp(way_out, 1);
}

static pid_t owner; /* of the timer */
static timer_t its;

/* Gives the timer of this process; a forked process needs one of its own. */
static int get_timer(timer_t *timer)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMAX};
    pid_t own = getpid();
    if (owner != own && timer_create(CLOCK_MONOTONIC, &event, &its) < 0)
        return -errno;
    owner = own;
    *timer = its;
    return 0;
}

static bool set_timer(timer_t timer, int interval_ms)
{
    struct timespec interval = {0, interval_ms * 1000000L};
    return timer_settime(timer, 0, &(struct itimerspec){interval, interval}, NULL) == 0;
}

/* A tick would end this process, once nobody handles its signal. */
static void stop_timer(void)
{
    if (!set_timer(its, 0)) {
        timer_delete(its);
        owner = 0;
    }
}

bool ticker_begin(struct ticker *ticker, int interval_ms)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_NODEFER};
    sigset_t mine;
    timer_t timer = NULL;
    *ticker = (struct ticker){0};
    if (ticks)
        return true;
    if (get_timer(&timer) || sigaction(SIGRTMAX, &action, &ticker->action) < 0)
        return false;
    sigemptyset(&mine);
    sigaddset(&mine, SIGRTMAX);
    sigprocmask(SIG_UNBLOCK, &mine, &ticker->mask);
    ticker->runs = ticks = true;
    if (!set_timer(timer, interval_ms))
        ticker_end(ticker);
    return ticks;
}

void ticker_end(struct ticker *ticker)
{
    if (!ticker->runs)
        return;
    stop_timer();
    if (sigismember(&ticker->mask, SIGRTMAX)) /* else it was not blocked before */
        sigprocmask(SIG_SETMASK, &ticker->mask, NULL);
    sigaction(SIGRTMAX, &ticker->action, NULL);
    ticker->runs = ticks = false;
}

int ticker_limit(int (*work)(void *argument), void *argument)
{
    if (sigsetjmp(way_out, 0)) {
        may_leave = false;
        return -EINTR;
    }
    may_leave = true;
    int result = work(argument);
    may_leave = false;
    return result;
}
