/* SPDX-License-Identifier: Apache-2.0
 * Samples of the program counters of processes, of all their threads and of all that they start, by
 * perf_event_open(2): in user mode alone, which kernel.perf_event_paranoid 2 allows to everybody.
 * The kernel also tells which files are mapped where. */
#ifndef TIEXEC_SAMPLES_H
#define TIEXEC_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sample_kind { SAMPLE_PC, SAMPLE_MAP, SAMPLE_FORK, SAMPLE_EXEC, SAMPLE_LOST };

struct sample {
    enum sample_kind kind;
    uint64_t time; /* nanoseconds */
    pid_t pid;
    pid_t parent;                  /* of SAMPLE_FORK */
    uint64_t pc;                   /* of SAMPLE_PC */
    uint64_t start, size, offset;  /* of SAMPLE_MAP, which is executable memory */
    const char *path;              /* likewise; valid until samples_close */
    uint64_t count;                /* of SAMPLE_LOST */
};

struct samples {
    const char *event; /* "cycles", or "cpu-clock" where there is no such counter */
    pid_t pid;
    bool is_child; /* set by the caller: signals are passed on to the process, and end nothing */
    int process; /* a pidfd */
    int signals; /* of SIGINT, SIGTERM and SIGHUP, which are blocked */
    struct samples_ring *rings;
    size_t ring_count;
    int *fds;
    size_t fd_count;
    char *log; /* the records as the kernel writes them */
    size_t size, capacity;
    size_t *order; /* where they begin in the log, the earliest first, once they are sorted */
    size_t count;
};

enum samples_news { SAMPLES_END, SAMPLES_SIGNAL, SAMPLES_TIMEOUT };

/* Begins to sample a process, `frequency` times in a second of processor time. `on_exec`: it begins
 * when the process execs. Returns 0, and the caller calls samples_close; or -errno: -EACCES or
 * -EPERM where the kernel forbids it. */
int samples_open(struct samples *samples, pid_t pid, unsigned frequency, bool on_exec);

/* Collects samples until the process has ended, a signal has come or `timeout` milliseconds have
 * passed; negative: there is no limit. A process that is a child gets the signals that other
 * processes send to this one; those of the terminal it gets anyway. Returns 0 or -errno. */
int samples_wait(struct samples *samples, int timeout, enum samples_news *news);

/* Ends the sampling, and puts the samples into the order of their times. Returns 0 or -errno. */
int samples_finish(struct samples *samples);

/* Gives a sample by its number, after samples_finish. */
void samples_get(const struct samples *samples, size_t number, struct sample *sample);

void samples_close(struct samples *samples);

#endif
