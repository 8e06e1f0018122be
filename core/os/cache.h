/* SPDX-License-Identifier: Apache-2.0
 * Cache files: copies of text in memory-backed files, for all processes that run the same program.
 *
 * Nothing here is trusted for its name. A folder or file that another user could have written to is
 * refused, and bytes are compared before they are used. */
#ifndef TIEXEC_CACHE_H
#define TIEXEC_CACHE_H

#include "ptrace/memory.h"
#include "ptrace/snapshot.h"

#include <stdbool.h>

#define CACHE_TEMPORARY ".tmp" /* ends the name of a copy that is being made */

/* Opens a folder of cache files; with `make` one that is not there is made, for this user alone. It
 * must be this user's or root's, not writable by others, on tmpfs or hugetlbfs, and executable.
 * Returns a file descriptor or -errno, and in *why a reason where there is a better one than that. */
int cache_open_folder(const char *path, bool make, const char **why);

/* Opens a finished copy of at least `size` bytes, for reading. As above; -ENOENT: there is none. */
int cache_open(int folder, const char *name, uint64_t size, const char **why);

/* Begins a copy: an empty file under a temporary name, open for reading and writing, whose lock only
 * one process holds. What a killed process left of one is emptied and taken over. Waits for another
 * process that is making it, `timeout` ms. Returns a file descriptor or -errno; -EEXIST: the copy is
 * finished, open it; -ETIMEDOUT. */
int cache_begin(int folder, const char *name, int timeout);

/* Ends it: under its own name and read-only from now on, or gone. `fd` stays open. */
int cache_finish(int folder, const char *name, int fd, unsigned mode);
void cache_abandon(int folder, const char *name);

/* Bytes of the inferior, and where the file has them. */
struct cache_range {
    int fd;
    uint64_t offset;                     /* in the file: a multiple of `huge` */
    uint64_t start, size;                /* in the inferior: multiples of `huge` */
    const struct snapshot_range *pieces; /* what is mapped there; between them are zeros */
    size_t count;
    uint64_t huge; /* the huge page's size */
};

/* Fills that part of the file, on huge pages, or fails: -EAGAIN is that the kernel has none. Memory is
 * allocated first: -ENOSPC or -ENOMEM, never SIGBUS. */
int cache_fill(const struct cache_range *range, struct inferior *inferior);

/* Whether the file has these bytes. -EILSEQ: it has not. */
int cache_compare(const struct cache_range *range, struct inferior *inferior);

/* Puts bytes into the file, outside of what was filled. */
int cache_put(int fd, uint64_t offset, const void *bytes, size_t size);

#endif
