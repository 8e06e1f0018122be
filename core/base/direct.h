/* SPDX-License-Identifier: Apache-2.0
 * Files past the page cache. */
#ifndef TIEXEC_DIRECT_H
#define TIEXEC_DIRECT_H

#define DIRECT_ALIGNMENT 4096 /* bytes: of addresses, offsets and lengths, as all disks want them */

/* Opens a regular file so that reads come from its medium, whatever the page cache has. Returns a
 * file descriptor or -errno; -EOPNOTSUPP: the filesystem would read from the page cache all the
 * same, as it says since Linux 6.1. */
int direct_open(const char *path);

#endif
