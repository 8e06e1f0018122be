/* SPDX-License-Identifier: Apache-2.0
 * Cache files: copies of text in memory-backed files, for all processes that run the same program.
 *
 * No file is trusted for its name. A folder or file that another user could have written to is
 * refused, and its bytes are to be compared before they are used. */
#ifndef TIEXEC_CACHE_H
#define TIEXEC_CACHE_H

#include "ptrace/memory.h"
#include "ptrace/snapshot.h"

#include <stdbool.h>

#define CACHE_TEMPORARY ".tmp" /* the end of the name of a copy that is being made */

/* Opens a folder of cache files. With `make` a folder that is not there is made, for this user
 * alone. The folder must belong to this user or root, nobody else may write to it, and it must lie
 * on a tmpfs or hugetlbfs that is not mounted noexec. Returns a file descriptor, which the caller
 * closes, or -errno. *why is NULL, or a reason that says more than the error does. */
int cache_open_folder(const char *path, bool make, const char **why);

/* The same for files that nothing is executed of: the folder may be mounted noexec. `path` has no
 * slash at its end. */
int cache_open_notes(const char *path, bool make);

/* Opens a finished copy of at least `size` bytes for reading. Returns as above; -ENOENT: there is
 * none. */
int cache_open(int folder, const char *name, uint64_t size, const char **why);

/* Begins a copy: opens an empty file under a temporary name for reading and writing. Only one
 * process at a time holds the file's lock. What a killed process has left behind is emptied and
 * taken over. If another process is making the copy it is waited for, `timeout` ms. Returns a file
 * descriptor, which the caller closes, or -errno; -EEXIST: by now the copy is finished and can be
 * opened; -ETIMEDOUT. */
int cache_begin(int folder, const char *name, int timeout);

/* End a copy that was begun: it gets its own name and the permissions `mode`, or it is removed.
 * `fd` stays open. 0 or -errno. */
int cache_finish(int folder, const char *name, int fd, unsigned mode);
void cache_abandon(int folder, const char *name);

/* Bytes of the inferior, and their place in the file. */
struct cache_range {
    int fd;
    uint64_t offset;                     /* in the file: a multiple of `huge` */
    uint64_t start, size;                /* in the inferior: multiples of `huge` */
    const struct snapshot_range *pieces; /* what the inferior has mapped there; the rest is zeros */
    size_t count;                        /* of the pieces */
    uint64_t huge;                       /* the size of a huge page, bytes */
};

/* Fills that part of the file with the inferior's bytes, on huge pages. 0 or -errno; -EAGAIN: the
 * kernel has no huge pages for it now; -ENOSPC or -ENOMEM: memory is short, which is found out
 * before anything is written, so that no SIGBUS comes. */
int cache_fill(const struct cache_range *range, struct inferior *inferior);

/* Compares that part of the file with the inferior's bytes. 0 or -errno; -EILSEQ: they differ. */
int cache_compare(const struct cache_range *range, struct inferior *inferior);

/* Puts bytes into the file, outside of what is filled with the inferior's. 0 or -errno. */
int cache_put(int fd, uint64_t offset, const void *bytes, size_t size);

#endif
