/* SPDX-License-Identifier: Apache-2.0
 * Files past the page cache. */
#ifndef TIEXEC_DIRECT_H
#define TIEXEC_DIRECT_H

#include <stddef.h>
#include <stdint.h>

#define DIRECT_ALIGNMENT 4096 /* bytes: of addresses, offsets and lengths, as all disks want them */

/* Opens a regular file so that reads come from its medium, whatever the page cache has. Returns a
 * file descriptor or -errno; -EOPNOTSUPP: the filesystem would read from the page cache all the
 * same, as it says since Linux 6.1. */
int direct_open(const char *path);

/* Reads up to `size` bytes of a regular file from `offset` on, and leaves the page cache as it is;
 * where that cannot be had, through the page cache. *data is malloc'd and freed by the caller; *got
 * is less than `size` at the end of the file. Returns 0 or -errno. */
int direct_read(const char *path, uint64_t offset, size_t size, char **data, size_t *got);

#endif
