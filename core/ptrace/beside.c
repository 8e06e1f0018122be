/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/beside.h"

#include "base/clock.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define ROOM     1024 /* bytes of a set: as many as the largest of kernels knows CPUs (8192) */
#define TRIES    1000
#define PAUSE_NS 1000000

/* A set of CPUs, of the size that no kernel refuses. */
union cpus {
    cpu_set_t set;
    unsigned char bytes[ROOM];
};

static pid_t beside; /* 0: no thread */

/* Tells whether a task may run on all of `count` CPUs. */
static bool may_run_on(pid_t tid, int count)
{
    union cpus cpus;
    return sched_getaffinity(tid, sizeof cpus, &cpus.set) == 0 &&
           CPU_COUNT_S(sizeof cpus, &cpus.set) == count;
}

static int count_online(void)
{
    static int count; /* 0: not known yet */
    if (count == 0)
        count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return count;
}

static bool restrict_to(pid_t tid, int cpu)
{
    union cpus cpus = {.bytes = {0}};
    if (cpu >= ROOM * 8)
        return false;
    CPU_SET_S((size_t)cpu, sizeof cpus, &cpus.set);
    return sched_setaffinity(tid, sizeof cpus, &cpus.set) == 0;
}

/* All there are and may come: since Linux 6.2 the kernel keeps what was asked for, and applies it
 * to what a cpuset allows later. The kernel needs memory for that: where it has none it is asked
 * again for a while, since a thread must not stay where it is. */
static void allow_all(pid_t tid)
{
    union cpus cpus;
    memset(&cpus, 0xff, sizeof cpus);
    for (int i = 0; i < TRIES && sched_setaffinity(tid, sizeof cpus, &cpus.set) && errno != ESRCH;
         i++)
        clock_sleep(PAUSE_NS);
}

void beside_begin(pid_t tid)
{
    int count = count_online(), cpu = sched_getcpu();
    if (beside || count < 2 || cpu < 0 || !may_run_on(tid, count) || !may_run_on(0, count) ||
        !restrict_to(0, cpu))
        return;
    beside = tid;
    if (!restrict_to(tid, cpu))
        beside_end_any();
}

void beside_end_any(void)
{
    if (!beside)
        return;
    allow_all(beside);
    allow_all(0);
    beside = 0;
}

void beside_end(pid_t tid)
{
    if (beside == tid)
        beside_end_any();
}

bool beside_is_any(void) { return beside != 0; }
