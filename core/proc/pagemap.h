/* SPDX-License-Identifier: Apache-2.0
 * What kinds of pages map a range, from the page tables: PAGEMAP_SCAN on /proc/PID/pagemap, Linux 6.7.
 * It looks at the range alone, where smaps walks the whole address space. */
#ifndef TIEXEC_PAGEMAP_H
#define TIEXEC_PAGEMAP_H

#include <stdint.h>
#include <sys/types.h>

/* Bytes of a range by the kind of page that maps them; the rest is not mapped by any. */
struct pagemap {
    uint64_t file_huge, anon_huge; /* PMD-sized; hugetlb pages count as anonymous */
    uint64_t file_small, anon_small;
};

/* Sums up [start, stop) of `pid`. -ENOTTY: the kernel is too old. 0 or -errno. */
int pagemap_scan(pid_t pid, uint64_t start, uint64_t stop, struct pagemap *sums);

#endif
