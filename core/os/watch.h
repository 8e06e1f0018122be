/* SPDX-License-Identifier: Apache-2.0
 * Watching a process from outside: nothing of it is traced, stopped or changed. Told are: that it has
 * come to an address, that it has become another program, and that it has ended.
 *
 * The address is watched by a perf breakpoint without a signal to the process: the kernel counts the
 * hit and tells this side. Threads inherit it, forked processes and new programs do not, and it is gone
 * with the file descriptor. */
#ifndef TIEXEC_WATCH_H
#define TIEXEC_WATCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum watch_news { WATCH_HIT, WATCH_EXEC, WATCH_END };

struct watch {
    pid_t pid;
    int process;    /* pidfd: readable when all threads have ended */
    int signals;    /* signalfd of SIGIO, which hits send */
    int exec;       /* perf event whose buffer is written to at exec, or -1 */
    void *buffer;   /* of that event */
    int *hits;      /* one perf event for each thread that there was */
    size_t count;
};

/* Watches `pid`. *refused: 0, or the -errno with which the kernel refused breakpoints (perf_event_paranoid,
 * seccomp, Linux before 5.13): then only the end is told. 0 or -errno: not even that. SIGIO must be
 * blocked in all threads of this process. */
int watch_open(struct watch *watch, pid_t pid, uint64_t address, int *refused);

/* Waits for news. `timeout` in milliseconds, negative: none. -ETIMEDOUT. Hits since the last are one. */
int watch_wait(struct watch *watch, int timeout, enum watch_news *news);

void watch_close(struct watch *watch);

#endif
