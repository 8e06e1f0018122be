/* SPDX-License-Identifier: Apache-2.0
 * A model of the instruction TLBs of some CPUs: how often they miss for the pages that a program
 * has fetched its instructions from.
 *
 * Entries are replaced least recently used first. A set is chosen by the low bits of the page's
 * number. The second level has what the first one has. What data take of a second level that they
 * share is not in the model. */
#ifndef TIEXEC_TLB_H
#define TIEXEC_TLB_H

#include <stddef.h>
#include <stdint.h>

enum { TLB_CPUS = 3 };

/* A huge page: numbers of pages of 4 KiB, the first one and the one behind the last. */
struct tlb_page {
    uint64_t first, behind;
};

struct tlb_count {
    const char *cpu;
    uint64_t misses; /* of the first level */
    uint64_t walks;  /* misses of both levels */
};

/* Takes a trace through the TLBs: `fd` is a file of numbers of pages of 4 KiB, eight bytes each, as
 * core/plugin/fetches.c writes it. `huge` are the huge pages, in the order of their addresses; all
 * else is on small pages. Fills `counts`, of TLB_CPUS. Returns 0 or -errno. */
int tlb_run(int fd, const struct tlb_page *huge, size_t count, struct tlb_count *counts);

#endif
