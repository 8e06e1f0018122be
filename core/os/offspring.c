/* SPDX-License-Identifier: Apache-2.0 */
#include "os/offspring.h"

#include "base/clock.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 2000
#define LOOK_MS     100
#define LOOKS       80 /* until those who are killed are given up, as they wait for a dead disk */

static int64_t nanoseconds(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

/* Adds what one process has used, and those that it has waited for. */
static void add(struct offspring *offspring, const struct rusage *usage)
{
    uint64_t peak = (uint64_t)usage->ru_maxrss << 10;
    offspring->user += nanoseconds(usage->ru_utime);
    offspring->system += nanoseconds(usage->ru_stime);
    offspring->faults += (uint64_t)(usage->ru_minflt + usage->ru_majflt);
    offspring->switches += (uint64_t)(usage->ru_nvcsw + usage->ru_nivcsw);
    offspring->peak = peak > offspring->peak ? peak : offspring->peak;
}

/* Collects all that have ended. Tells whether there are others. */
static bool collect(struct offspring *offspring)
{
    struct rusage usage;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG | __WALL, &usage)) > 0) {
        add(offspring, &usage);
        if (pid == offspring->first) {
            offspring->ended = clock_now();
            offspring->status = status;
        }
    }
    return pid == 0;
}

static void kill_children(void)
{
    char path[64], *list, *rest;
    size_t size;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    if (file_read(path, &list, &size))
        return;
    rest = list;
    for (long pid; (pid = strtol(rest, &rest, 10)) > 0;)
        kill((pid_t)pid, SIGKILL);
    free(list);
}

void offspring_wait(struct offspring *offspring, const sigset_t *ending)
{
    int64_t limit = CLOCK_NEVER;
    int looks = 0;
    sigset_t set = *ending;
    sigaddset(&set, SIGCHLD);
    while (collect(offspring)) {
        if (offspring->ended && limit == CLOCK_NEVER)
            limit = clock_deadline(PATIENCE_MS);
        if (clock_is_past(limit)) {
            offspring->is_left = !offspring->interrupted || ++looks > LOOKS;
            if (offspring->is_left)
                return;
            kill_children();
        }
        struct timespec wait = {.tv_nsec = LOOK_MS * 1000000L};
        int sign = sigtimedwait(&set, NULL, limit == CLOCK_NEVER ? NULL : &wait);
        if (sign > 0 && sign != SIGCHLD && !offspring->interrupted) {
            offspring->interrupted = true;
            limit = clock_deadline(PATIENCE_MS);
        }
    }
}
