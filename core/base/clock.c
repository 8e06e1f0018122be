/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_deadline(int timeout)
{
    return timeout < 0 ? CLOCK_NEVER : clock_now() + (int64_t)timeout * 1000000;
}

bool clock_is_past(int64_t deadline) { return deadline != CLOCK_NEVER && clock_now() >= deadline; }

int clock_left(int64_t deadline)
{
    if (deadline == CLOCK_NEVER)
        return -1;
    int64_t left = (deadline - clock_now()) / 1000000;
    return left <= 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

void clock_sleep(long nanoseconds)
{
    struct timespec time = {0, nanoseconds};
    nanosleep(&time, NULL);
}
