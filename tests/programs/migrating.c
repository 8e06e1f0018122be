/* SPDX-License-Identifier: Apache-2.0
 * Calls a function that changes one variable and goes on with another CPU, if there are two. */
#include <sched.h>

long moves;

__attribute__((noinline)) void migrate(void)
{
    cpu_set_t other;
    CPU_ZERO(&other);
    CPU_SET(sched_getcpu() ? 0 : 1, &other);
    sched_setaffinity(0, sizeof other, &other);
    moves += 2;
}

int main(void)
{
    migrate();
    return 0;
}
