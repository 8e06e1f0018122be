/* SPDX-License-Identifier: Apache-2.0
 * What only trying tells of a host: how fast memory on pages of one kind is, whether a file's text can be
 * on huge pages, whether there are hardware counters. All on memory of this process, given back after. */
#ifndef TIEXEC_PROBE_H
#define TIEXEC_PROBE_H

#include <stddef.h>
#include <stdint.h>

/* A chase of pointers, one in each of `pages` consecutive pieces of `page_size` bytes, in random order. The
 * same cache lines are touched whatever the memory is made of: so what differs is address translation. */
struct probe_chase {
    uint64_t pages, page_size, align; /* align: a power of two, where the memory begins */
    int flags, advice;                /* added to those of mmap; for madvise */
    uint64_t loads;                   /* how many are timed */
};

struct probe_time {
    double nanoseconds;  /* for each load */
    uint64_t huge_bytes; /* of the memory, as smaps says */
};

/* 0 or -errno. */
int probe_chase(const struct probe_chase *chase, struct probe_time *time);

/* Maps [offset, offset + size) of a file, multiples of `size`, as text that is congruent modulo `size`,
 * asks for huge pages and reads it. `huge_bytes`: how much smaps then says is. 0 or -errno. */
int probe_file(const char *path, uint64_t offset, uint64_t size, uint64_t *huge_bytes);

/* Counts cycles for a moment. -ENOENT: there is no counter; -EACCES: perf_event_paranoid forbids. */
int probe_counter(void);

#endif
