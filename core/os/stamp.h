/* SPDX-License-Identifier: Apache-2.0
 * What tells the contents of a file from all that it has ever had: its filesystem, inode, size and
 * times. The time of the last change (ctime) cannot be set by anybody, but the clock can. */
#ifndef TIEXEC_STAMP_H
#define TIEXEC_STAMP_H

#include <stdint.h>

#define STAMP_MAX 160

struct stamp {
    char text[STAMP_MAX]; /* equal texts: the same file, unchanged */
    uint64_t device, inode;
    int64_t age; /* nanoseconds since the last change; negative: the clock was set back since */
};

/* Reads the stamp of the file at `path`. Two changes within one tick of the clock leave one stamp:
 * so a stamp tells nothing before it is some ticks old. Returns 0 or -errno; -EOPNOTSUPP: the
 * filesystem is none of those that are known to keep such times for each change, of which this
 * host knows (ext4, xfs, btrfs, tmpfs). */
int stamp_read(const char *path, struct stamp *stamp);

#endif
