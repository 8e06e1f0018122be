/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signals.h"

#include <time.h>

static const int own[] = {SIGPIPE, SIGXFSZ, SIGTTOU};

enum { OWN_COUNT = sizeof own / sizeof own[0] };

void signals_hold(struct signals *before)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < OWN_COUNT; i++)
        sigaddset(&set, own[i]);
    sigpending(&before->pending);
    sigprocmask(SIG_BLOCK, &set, &before->mask);
}

void signals_release(const struct signals *before)
{
    for (int i = 0; i < OWN_COUNT; i++) {
        const struct timespec now = {0, 0};
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, own[i]);
        if (!sigismember(&before->pending, own[i]))
            sigtimedwait(&one, NULL, &now);
    }
    sigprocmask(SIG_SETMASK, &before->mask, NULL);
}
