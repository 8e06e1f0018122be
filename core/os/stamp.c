/* SPDX-License-Identifier: Apache-2.0 */
#include "os/stamp.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

static bool keeps_times(const struct statfs *fs)
{
    const unsigned type = (unsigned)fs->f_type;
    return type == EXT4_SUPER_MAGIC || type == XFS_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC ||
           type == TMPFS_MAGIC;
}

static int64_t nanoseconds(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static int read_open(int fd, struct stamp *stamp)
{
    struct stat st;
    struct statfs fs;
    struct timespec now;
    if (fstatfs(fd, &fs) < 0)
        return -errno;
    if (!keeps_times(&fs))
        return -EOPNOTSUPP;
    if (fstat(fd, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
        return -errno;
    int64_t written = nanoseconds(&st.st_mtim), changed = nanoseconds(&st.st_ctim);
    int fsid[2];
    memcpy(fsid, &fs.f_fsid, sizeof fsid);
    stamp->device = st.st_dev;
    stamp->inode = st.st_ino;
    stamp->age = nanoseconds(&now) - (written > changed ? written : changed);
    snprintf(stamp->text, sizeof stamp->text,
             "%x %x%08x %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64,
             (unsigned)fs.f_type, (unsigned)fsid[0], (unsigned)fsid[1], (uint64_t)st.st_dev,
             (uint64_t)st.st_ino, (uint64_t)st.st_size, (uint64_t)written, (uint64_t)changed);
    return 0;
}

int stamp_read(const char *path, struct stamp *stamp)
{
    int fd = file_open_at(AT_FDCWD, path, O_PATH, 0);
    if (fd < 0)
        return fd;
    int err = read_open(fd, stamp);
    close(fd);
    return err;
}
