/* SPDX-License-Identifier: Apache-2.0
 * Watching a process from outside, without tracing, stopping or changing it. The watcher is told
 * when the process has come to an address, has become another program, or has ended.
 *
 * The address is watched by a breakpoint of perf, which gives the process no signal: the kernel
 * counts the hit and tells this process. Threads inherit the breakpoint, forked processes and new
 * programs do not, and it is gone when its file descriptor is closed. */
#ifndef TIEXEC_WATCH_H
#define TIEXEC_WATCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum watch_news { WATCH_HIT, WATCH_EXEC, WATCH_END };

struct watch {
    pid_t pid;
    int process;  /* a pidfd: readable when all threads have ended */
    int signals;  /* a signalfd of SIGIO, which the kernel sends to this process at a hit */
    int exec;     /* a perf event, into whose buffer the kernel writes at an exec; -1: none */
    void *buffer; /* of that event */
    int *hits;    /* one perf event for each thread that there was when the watch began */
    size_t count; /* of the hits' events */
};

/* Begins to watch process `pid`. SIGIO must be blocked in all threads of this process. Returns 0,
 * and the caller calls watch_close; or -errno. *refused is 0, or the -errno with which the kernel
 * has refused the breakpoints (perf_event_paranoid, seccomp, Linux before 5.13): then only the end
 * of the process is told. */
int watch_open(struct watch *watch, pid_t pid, uint64_t address, int *refused);

/* Waits for news. `timeout` is in milliseconds; a negative one means to wait for ever. Several hits
 * since the last news are told as one. 0 or -errno; -ETIMEDOUT. */
int watch_wait(struct watch *watch, int timeout, enum watch_news *news);

void watch_close(struct watch *watch);

#endif
