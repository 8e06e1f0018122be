/* SPDX-License-Identifier: Apache-2.0
 * Whole files: /proc and /sys entries, whose size is not known before they are read. */
#ifndef TIEXEC_FILE_H
#define TIEXEC_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Calls openat(2), again where a signal has interrupted it: to open a file of FUSE or NFS may take
 * long. `flags` without O_CLOEXEC, which is added. Returns a file descriptor or -errno. */
int file_open_at(int folder, const char *path, int flags, unsigned mode);

/* Opens `path` for reading, close-on-exec, without waiting for the writer of a FIFO and without
 * taking a terminal as this process's own. Returns a file descriptor or -errno. */
int file_open(const char *path);

/* Opens `path` for writing, close-on-exec; it is made, or emptied. A FIFO or terminal is never
 * waited for, neither now (-ENXIO: the FIFO has no reader) nor when it is written to. Returns a
 * file descriptor or -errno. */
int file_create(const char *path);

/* The same, but what the file has stays, and what is written goes behind it. */
int file_append(const char *path);

/* Reads all of `path`. *data is malloc'd by this call, freed by the caller, and ends with a NUL
 * that *size does not count. Returns 0 or -errno. A FIFO is not waited for: it reads as empty or
 * gives -EAGAIN. */
int file_read(const char *path, char **data, size_t *size);

/* The same for a file of /proc or /sys that the kernel gives with one read(2), if the buffer has
 * room for all of it: such are status, stat and auxv, and not maps. */
int file_read_at_once(const char *path, char **data, size_t *size);

/* The same for the first `limit` bytes of `path`, or fewer where it is shorter. */
int file_read_start(const char *path, size_t limit, char **data, size_t *size);

/* Reads all of a regular file of `limit` bytes at the most. -EINVAL: it is something else, such as
 * a folder, a FIFO or a device, which is not opened; -EFBIG: it is longer. */
int file_read_regular(const char *path, size_t limit, char **data, size_t *size);

/* Reads a file that holds one decimal number. Returns 0 or -errno; -EINVAL: it holds something
 * else. */
int file_read_u64(const char *path, uint64_t *value);

#endif
