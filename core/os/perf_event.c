/* SPDX-License-Identifier: Apache-2.0 */
#include "os/perf_event.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PERF_FLAG_FD_CLOEXEC
#define PERF_FLAG_FD_CLOEXEC (1UL << 3)
#endif

int perf_event_open_user(struct perf_event_attr *attr, pid_t pid, int cpu, int group)
{
    attr->size = sizeof *attr;
    attr->exclude_kernel = attr->exclude_hv = 1;
    long fd = syscall(SYS_perf_event_open, attr, pid, cpu, group, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}
