/* SPDX-License-Identifier: Apache-2.0
 * What kinds of pages map a range. The kernel reads it from the page tables of that range alone
 * (PAGEMAP_SCAN on /proc/PID/pagemap, Linux 6.7), where for smaps it walks the whole address
 * space. */
#ifndef TIEXEC_PAGEMAP_H
#define TIEXEC_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The bytes of a range, by the kind of page that maps them. What is in swap space counts as if it
 * was mapped. No page maps the rest of the range. */
struct pagemap {
    uint64_t file_huge, anon_huge; /* PMD-sized; hugetlb pages count as anonymous */
    uint64_t file_small, anon_small;
};

/* Sums up [start, stop) of process `pid`. Returns 0 or -errno; -ENOTTY: the kernel is too old. */
int pagemap_scan(pid_t pid, uint64_t start, uint64_t stop, struct pagemap *sums);

/* Sums up the bytes of [start, stop) whose pages are mapped more than once, by this process or by
 * others. Both are multiples of the base page. Returns 0 or -errno. */
int pagemap_shared(pid_t pid, uint64_t start, uint64_t stop, uint64_t *bytes);

/* Sums up the bytes of [start, stop) whose pages are the process's own, small or huge, in memory or
 * in swap space: in a mapping of a file those that were written to. Both are multiples of the base
 * page. Returns 0 or -errno. */
int pagemap_written(pid_t pid, uint64_t start, uint64_t stop, uint64_t *bytes);

/* Tells of each of `count` pages from `start` on, a multiple of the base page, whether the process
 * has it, in memory or in swap space. `fd` is /proc/PID/pagemap. Returns 0 or -errno. */
int pagemap_present(int fd, uint64_t start, size_t count, bool present[]);

#endif
