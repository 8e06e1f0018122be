/* SPDX-License-Identifier: Apache-2.0
 * /tmp/perf-PID.map, in which perf(1) and others find the functions of memory that is no file's. Each
 * line is "START SIZE name", in hexadecimal. */
#ifndef TIEXEC_PERF_MAP_H
#define TIEXEC_PERF_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Text of an ELF file, in memory at its own addresses plus `bias`. */
struct perf_map_text {
    const char *path; /* of the file */
    uint64_t start, stop, bias;
};

/* Writes the functions of `texts` to the file of process `pid`, with its user's rights, for that user,
 * in its /tmp and under its own idea of its id, which becomes *inner_pid. The file takes the place of any
 * other of that name in one step; with `append` one that is the user's own is written on. What a link of
 * that name leads to is not touched. 0 or -errno; -EPERM: another user has put something there. */
int perf_map_write(pid_t pid, const struct perf_map_text *texts, size_t count, bool append,
                  pid_t *inner_pid);

#endif
