/* SPDX-License-Identifier: Apache-2.0
 * What can be found out about a host only by trying: how fast memory on pages of one kind is,
 * whether a file's text can be on huge pages, whether there are hardware counters. It is tried on
 * memory of this process, which is given back.
 *
 * Functions return 0 or -errno. */
#ifndef TIEXEC_PROBE_H
#define TIEXEC_PROBE_H

#include <stddef.h>
#include <stdint.h>

/* A chase: loads follow a ring of pointers in random order, one pointer in each of `pages`
 * consecutive pieces of `page_size` bytes. The same cache lines are touched whatever pages the
 * memory is on, so what differs between two kinds of pages is the time of address translation. */
struct probe_chase {
    uint64_t pages, page_size; /* page_size: bytes, a power of two */
    uint64_t align;            /* the memory begins at a multiple of it, a power of two */
    int flags, advice;         /* added to the flags of mmap; for madvise, 0: none */
    uint64_t loads;            /* how many are timed */
};

struct probe_time {
    double nanoseconds;  /* of one load, on average */
    uint64_t huge_bytes; /* how much of the memory was on huge pages, as smaps says */
};

int probe_chase(const struct probe_chase *chase, struct probe_time *time);

/* The same by instructions: one piece jumps to the next, so that what is fetched differs in its
 * translation alone. All pieces are jumped through until `loads` jumps at least are made. -ERANGE:
 * the pieces lie farther apart than a jump goes. -EACCES, -EPERM: the host lets nobody execute what
 * was written. The memory is never writable and executable at a time. */
int probe_jumps(const struct probe_chase *chase, struct probe_time *time);

/* Maps [offset, offset + size) of a file as text, at an address that is a multiple of `size`, asks
 * for huge pages and reads it. `size` is a power of two, `offset` a multiple of it. *huge_bytes is
 * how much of it is then on huge pages, as smaps says. */
int probe_file(const char *path, uint64_t offset, uint64_t size, uint64_t *huge_bytes);

/* Opens and closes a hardware counter of this process's cycles, without reading it. -ENOENT: the
 * CPU, or its virtual machine, has no counter; -EACCES: perf_event_paranoid forbids it. */
int probe_counter(void);

#endif
