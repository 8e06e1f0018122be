/* SPDX-License-Identifier: Apache-2.0
 * System calls without the C library. The room core/front runs before it: a static program has no
 * errno yet, no memcpy, no malloc. So the files here call nothing but each other. All functions
 * return what the kernel does: a result, or -errno. */
#ifndef TIEXEC_SYSTEM_H
#define TIEXEC_SYSTEM_H

#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static inline long system_call(long number, long one, long two, long three, long four)
{
    const long arguments[6] = {one, two, three, four, 0, 0};
    return arch_call(number, arguments);
}

/* Opens a file for reading, as file_open in base/file.h does. */
static inline int system_open(const char *path)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    long fd;
    do
        fd = system_call(SYS_openat, AT_FDCWD, (long)path, flags, 0);
    while (fd == -EINTR);
    return (int)fd;
}

static inline void system_close(int fd) { system_call(SYS_close, fd, 0, 0, 0); }

/* Reads as much as there is, up to `size`. */
static inline long system_read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    long got;
    do
        got = system_call(SYS_pread64, fd, (long)bytes, (long)size, (long)offset);
    while (got == -EINTR);
    return got;
}

/* Of a link the file that it leads to. */
static inline int system_stat(const char *path, struct stat *st)
{
    return (int)system_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)st, 0);
}

static inline int system_stat_open(int fd, struct stat *st)
{
    return (int)system_call(SYS_fstat, fd, (long)st, 0, 0);
}

/* Maps a file to be read. NULL: that has failed. */
static inline const void *system_map(int fd, size_t size)
{
    const long arguments[6] = {0, (long)size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0};
    long address = arch_call(SYS_mmap, arguments);
    return address < 0 && address > -4096 ? NULL : (const void *)address;
}

static inline void system_unmap(const void *address, size_t size)
{
    system_call(SYS_munmap, (long)address, (long)size, 0, 0);
}

#endif
