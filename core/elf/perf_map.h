/* SPDX-License-Identifier: Apache-2.0
 * The file /tmp/perf-PID.map, in which perf(1) and other profilers find the functions that lie in
 * memory of no file. Each line is "START SIZE name", with hexadecimal numbers. */
#ifndef TIEXEC_PERF_MAP_H
#define TIEXEC_PERF_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Text of an ELF file, which lies in memory at [start, stop): the addresses in the file plus
 * `bias`. */
struct perf_map_text {
    const char *path; /* of the ELF file */
    uint64_t start, stop, bias;
};

/* Writes the functions of `texts` to the file of process `pid`: in the /tmp that the process sees,
 * and named after the id that the process has in its own namespace, which becomes *inner_pid. The
 * file belongs to the process's user, and is written with that user's rights.
 *
 * In one step the new file takes the place of any other of that name. With `append` the lines are
 * added to a file that is the user's own. If the name is a link, what it leads to is not touched.
 * Returns 0 or -errno; -EPERM: another user has put something there. */
int perf_map_write(pid_t pid, const struct perf_map_text *texts, size_t count, bool append,
                  pid_t *inner_pid);

#endif
