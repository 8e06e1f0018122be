/* SPDX-License-Identifier: Apache-2.0 */
#include "base/direct.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WANT_DIOALIGN 0x2000u /* STATX_DIOALIGN */

/* The beginning of struct statx as Linux 6.1 has it; older headers end before the last fields. */
struct extended_stat {
    uint32_t mask, rest[37];
    uint32_t direct_memory_alignment; /* offset 0x98; 0: reads are not direct */
    uint32_t more[25];
};

/* Compressed, encrypted and journalled files are read through the page cache, O_DIRECT or not. */
static bool reads_cache_only(int fd)
{
    struct extended_stat st = {0};
    long err = syscall(SYS_statx, fd, "", AT_EMPTY_PATH, WANT_DIOALIGN, &st);
    return err == 0 && (st.mask & WANT_DIOALIGN) && st.direct_memory_alignment == 0;
}

int direct_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == EINVAL ? -EOPNOTSUPP : -errno;
    if (!reads_cache_only(fd))
        return fd;
    close(fd);
    return -EOPNOTSUPP;
}

/* Reads [from, from + size), both aligned, into aligned memory. *got is less at the end of the
 * file. */
static int read_aligned(int fd, uint64_t from, size_t size, char *buffer, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(fd, buffer + *got, size - *got, (off_t)(from + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        *got += (size_t)n;
        if (n % DIRECT_ALIGNMENT != 0 || n == 0)
            break;
    }
    return 0;
}

int direct_read(const char *path, uint64_t offset, size_t size, char **data, size_t *got)
{
    uint64_t mask = DIRECT_ALIGNMENT - 1, from = offset & ~mask;
    size_t before = (size_t)(offset - from), room = (size_t)((before + size + mask) & ~mask);
    int fd = direct_open(path);
    if (fd == -EOPNOTSUPP)
        fd = file_open(path);
    if (fd < 0)
        return fd;
    char *buffer = aligned_alloc(DIRECT_ALIGNMENT, room ? room : DIRECT_ALIGNMENT);
    int err = buffer ? read_aligned(fd, from, room, buffer, got) : -ENOMEM;
    close(fd);
    if (err) {
        free(buffer);
        return err;
    }
    *got = *got > before ? *got - before : 0;
    *got = *got < size ? *got : size;
    memmove(buffer, buffer + before, *got);
    *data = buffer;
    return 0;
}
