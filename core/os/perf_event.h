/* SPDX-License-Identifier: Apache-2.0
 * perf_event_open(2), which the C library does not wrap. */
#ifndef TIEXEC_PERF_EVENT_H
#define TIEXEC_PERF_EVENT_H

#include <linux/perf_event.h>
#include <sys/types.h>

/* Opens an event of user mode alone, which kernel.perf_event_paranoid 2 allows. `cpu` is -1 for all
 * of them, and `group` is -1 for an event of its own. Returns a close-on-exec descriptor or
 * -errno. */
int perf_event_open_user(struct perf_event_attr *attr, pid_t pid, int cpu, int group);

#endif
