/* SPDX-License-Identifier: Apache-2.0
 * A limit for system calls that have none: a signal comes every few milliseconds and makes a
 * blocking call of this process return early.
 *
 * The signal is the last real-time one (SIGRTMAX). It is unblocked between ticker_begin and
 * ticker_end, whatever else is blocked; its action and the mask are put back afterwards. */
#ifndef TIEXEC_TICKER_H
#define TIEXEC_TICKER_H

#include <signal.h>
#include <stdbool.h>

struct ticker {
    bool runs; /* false: it was running already, or could not be had */
    struct sigaction action;
    sigset_t mask;
};

/* Begins to tick, unless it ticks already. Returns whether it ticks. Ended by ticker_end in any
 * case. */
bool ticker_begin(struct ticker *ticker, int interval_ms);
void ticker_end(struct ticker *ticker);

/* Calls `work`, which makes one system call and nothing else, and gives its result; or -EINTR if
 * the next tick came first. Then the call may have been made, or not. This is for calls that the
 * kernel makes again after any signal (-ERESTARTNOINTR), so that no signal handler ends them. */
int ticker_limit(int (*work)(void *argument), void *argument);

#endif
