/* SPDX-License-Identifier: Apache-2.0
 * Measured runs of a command: what it and all processes that it starts have used. */
#ifndef TIEXEC_MEASURE_H
#define TIEXEC_MEASURE_H

#include "base/digest.h"
#include "os/counters.h"
#include "os/stand_in.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEASURE_ERROR_SIZE 4096

struct measure_task {
    const char *path;
    char *const *argv;
    char *const *variables; /* "NAME=VALUE", for the environment; the last is NULL */
    const struct stand_in *stand_ins;
    size_t stand_in_count; /* 0: the command runs in this process's mount namespace */
};

/* What a run has used. Times are in nanoseconds. The kernel divides the sum of `user` and `system`,
 * which is exact, by samples at its ticks. */
struct measure_use {
    int64_t wall; /* until the command has ended, whatever it leaves running */
    int64_t user, system;
    uint64_t faults;
    uint64_t peak; /* bytes: the most that one of the processes had resident, hugetlb left out */
    uint64_t switches;
};

struct measure_result {
    int err;          /* 0; or -errno: the command could not be started */
    bool is_mount;    /* it is the stand-ins that could not be mounted */
    bool interrupted; /* a signal has ended the run */
    bool is_left;     /* processes that the command has started go on after its end */
    int status;       /* of the command, as wait(2) tells it */
    struct measure_use use;
    int counters; /* 0 or -errno, as of counters_open */
    struct counter_value values[COUNTERS];
    uint64_t output_size;
    char output[DIGEST_64_SIZE];    /* a digest of standard output */
    char error[MEASURE_ERROR_SIZE]; /* how standard error begins, with a NUL */
};

/* Runs a command once. Its standard input is this process's if that is a regular file, which each
 * run reads from where it stands now, else /dev/null. Standard output and error are kept in memory.
 * SIGINT, SIGTERM and SIGHUP are blocked in this process from now on: they end the run, within
 * seconds, and all runs that are asked for afterwards. Returns 0 or -errno. */
int measure_run(const struct measure_task *task, struct measure_result *result);

/* Waits. Tells whether a signal that ends runs has come, now or earlier; then the wait is over.
 * Returns 0 or -errno. */
int measure_pause(int milliseconds, bool *interrupted);

#endif
