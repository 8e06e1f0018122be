/* SPDX-License-Identifier: Apache-2.0
 * What this host offers: page sizes, huge page pools, transparent huge pages, ptrace policy. */
#ifndef TIEXEC_HOST_H
#define TIEXEC_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One hugetlb pool, /sys/kernel/mm/hugepages/hugepages-*kB; counts are pages. */
struct host_pool {
    uint64_t page_size; /* bytes */
    uint64_t total, free, reserved, surplus, overcommit;
};

struct host {
    uint64_t page_size;       /* the base page, bytes */
    uint64_t huge_page_size;  /* the size in question, as asked for, bytes; 0: the kernel has no huge pages */
    uint64_t pmd_size;        /* the PMD-sized page, bytes; 0: the kernel has no huge pages */
    uint64_t contiguous_size; /* the run of base pages that the TLB may hold as one entry, bytes; 0: none */
    char kernel[65];          /* uname release: "6.1.0-13-amd64" */
    unsigned kernel_major, kernel_minor;
    char thp[16], shmem_thp[16]; /* of pages of that size, and of tmpfs: the mode in brackets, "always", "madvise",
                                  * "never", …; "": absent */
    int yama;                    /* ptrace_scope; -1: no Yama */
    unsigned nodes;              /* NUMA nodes with memory, at least 1 */
    uint64_t uid, capabilities;  /* effective uid and capability bits of this process */
    struct host_pool pools[8];
    size_t pool_count;
};

/* The PMD-sized page alone. */
uint64_t host_huge_page_size(void);

/* Whether the kernel, left to itself, puts large libraries where their files' pages can be huge (Linux 6.7 on
 * some filesystems; `path` lies on the one in question). Tried in this process. True where that cannot be found out. */
bool host_places_congruent(const char *path, uint64_t huge_page_size);

/* Reads the facts as they are now, for pages of `huge_page_size` bytes; 0: the PMD-sized ones. Whatever this
 * kernel does not tell is left 0, "" or -1. */
void host_read(struct host *host, uint64_t huge_page_size);

/* Bytes of anonymous transparent huge pages of at least `size` bytes that page faults have had since the host's
 * start, of all processes. -ENOENT: the kernel does not count them (it does since Linux 6.10). */
int host_thp_bytes(uint64_t size, uint64_t *bytes);

#endif
