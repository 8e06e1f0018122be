/* SPDX-License-Identifier: Apache-2.0 */
#include "base/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
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
