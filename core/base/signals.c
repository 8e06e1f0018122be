/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signals.h"

#include <stdbool.h>
#include <time.h>

static const int own[] = {SIGPIPE, SIGXFSZ, SIGTTOU, SIGXCPU};

enum { OWN_COUNT = sizeof own / sizeof own[0] };

/* Only what was blocked before can have been pending. */
void signals_hold(struct signals *before)
{
    sigset_t set;
    bool was_blocked = false;
    sigemptyset(&set);
    sigemptyset(&before->pending);
    for (int i = 0; i < OWN_COUNT; i++)
        sigaddset(&set, own[i]);
    sigprocmask(SIG_BLOCK, &set, &before->mask);
    for (int i = 0; i < OWN_COUNT; i++)
        was_blocked |= sigismember(&before->mask, own[i]) == 1;
    if (was_blocked)
        sigpending(&before->pending);
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
