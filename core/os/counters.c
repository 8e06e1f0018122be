/* SPDX-License-Identifier: Apache-2.0 */
#include "os/counters.h"

#include "os/perf_event.h"

#include <errno.h>
#include <unistd.h>

#define CACHE_MISSES(cache)                                                                        \
    ((cache) | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

const char *const counter_names[COUNTERS] = {"instructions", "cycles", "iTLB misses",
                                             "dTLB misses"};

static const struct {
    uint32_t type;
    uint64_t config;
} events[COUNTERS] = {
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {PERF_TYPE_HW_CACHE, CACHE_MISSES(PERF_COUNT_HW_CACHE_ITLB)},
    {PERF_TYPE_HW_CACHE, CACHE_MISSES(PERF_COUNT_HW_CACHE_DTLB)},
};

/* The members of a group are counted together or not at all, so that their ratios mean something.
 * They are read one by one: the kernel has refused a common reading of inherited ones for long. */
int counters_open(struct counters *counters, pid_t pid)
{
    int leader = -1, first = 0;
    for (int i = 0; i < COUNTERS; i++) {
        struct perf_event_attr attr = {
            .type = events[i].type, .config = events[i].config, .inherit = 1,
            .disabled = leader < 0, .enable_on_exec = leader < 0,
            .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING};
        int fd = perf_event_open_user(&attr, pid, -1, leader);
        if (fd < 0 && leader >= 0) { /* the group may be full: the event counts for itself */
            attr.disabled = attr.enable_on_exec = 1;
            fd = perf_event_open_user(&attr, pid, -1, -1);
        }
        counters->fds[i] = fd < 0 ? -1 : fd;
        if (fd < 0)
            first = first ? first : fd;
        else if (leader < 0)
            leader = fd;
    }
    return leader < 0 ? first : 0;
}

void counters_read(const struct counters *counters, struct counter_value values[COUNTERS])
{
    for (int i = 0; i < COUNTERS; i++) {
        struct {
            uint64_t value, enabled, running;
        } data;
        values[i] = (struct counter_value){.is_known = false};
        if (counters->fds[i] < 0 || read(counters->fds[i], &data, sizeof data) != sizeof data ||
            data.running == 0)
            continue;
        values[i].is_known = true;
        values[i].share = (double)data.running / (double)data.enabled;
        values[i].count = (double)data.value / values[i].share;
    }
}

void counters_close(struct counters *counters)
{
    for (int i = 0; i < COUNTERS; i++) {
        if (counters->fds[i] >= 0)
            close(counters->fds[i]);
        counters->fds[i] = -1;
    }
}
