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
    uint64_t huge_page_size;  /* the size that the caller asked for, bytes; 0: no huge pages */
    uint64_t pmd_size;        /* the PMD-sized page, bytes; 0: the kernel has no huge pages */
    uint64_t contiguous_size; /* a run of base pages that is one entry of the TLB, bytes; 0: none */
    char kernel[65];          /* uname release: "6.1.0-13-amd64" */
    unsigned kernel_major, kernel_minor;
    char thp[16];                /* mode of THP for pages of huge_page_size: "always", "madvise",
                                  * "never"; "": this kernel has none */
    char shmem_thp[16];          /* mode of THP for tmpfs, likewise */
    int yama;                    /* ptrace_scope; -1: the kernel has no Yama */
    unsigned nodes;              /* NUMA nodes with memory, at least 1 */
    uint64_t uid, capabilities;  /* effective uid and capability bits of this process */
    struct host_pool pools[8];
    size_t pool_count;
};

/* Counts the NUMA nodes that have memory: at least 1. */
unsigned host_nodes(void);

/* The size of the PMD-sized page, in bytes; 0: the kernel has no huge pages. */
uint64_t host_huge_page_size(void);

/* Tells whether the kernel of itself maps large libraries at addresses where their files' pages can
 * be huge, as Linux does since 6.7 on some filesystems. `path` is a file on the filesystem in
 * question. This process tries it out by mapping. Where it cannot be found out the answer is
 * true. */
bool host_places_congruent(const char *path, uint64_t huge_page_size);

/* Reads the sizes of pages alone, as host_read does. They never change while a kernel runs. */
void host_read_basics(struct host *host, uint64_t huge_page_size);

/* Reads the facts as they are now, for pages of `huge_page_size` bytes; 0 means the PMD-sized ones.
 * What this kernel does not tell becomes 0, "" or -1. */
void host_read(struct host *host, uint64_t huge_page_size);

/* Adds up the anonymous transparent huge pages of at least `size` bytes that page faults of any
 * process were given since the host's start. *bytes is the sum. Returns 0 or -ENOENT: the kernel
 * does not count them (it does since Linux 6.10). */
int host_thp_bytes(uint64_t size, uint64_t *bytes);

#endif
