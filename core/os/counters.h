/* SPDX-License-Identifier: Apache-2.0
 * Hardware counters of a process and of all that it will start, by perf_event_open(2). They count
 * user mode alone, which kernel.perf_event_paranoid 2 allows to everybody. */
#ifndef TIEXEC_COUNTERS_H
#define TIEXEC_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { COUNTERS = 4 };

/* Their names, in the order of the values: "instructions", "cycles", "iTLB loads missed", … */
extern const char *const counter_names[COUNTERS];

struct counters {
    int fds[COUNTERS]; /* -1: the host has no such counter, or does not give it */
};

struct counter_value {
    bool is_known;
    double count; /* scaled up, if the counter shared its register with others */
    double share; /* of the time in which it counted, 0 to 1 */
};

/* Opens the counters of process `pid`, which begin to count when it execs. Children inherit them.
 * Returns 0 if there is one at least; else the -errno of the first: -ENOENT or -EOPNOTSUPP where
 * there is no such hardware, -EACCES or -EPERM where it is forbidden. */
int counters_open(struct counters *counters, pid_t pid);

/* Reads what was counted until now, by ended children, too. */
void counters_read(const struct counters *counters, struct counter_value values[COUNTERS]);

void counters_close(struct counters *counters);

#endif
