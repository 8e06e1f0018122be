/* SPDX-License-Identifier: Apache-2.0
 * Stand-ins: copies of files, mounted in the files' places in a mount namespace of this process's
 * own. Whoever is started there finds the copies by the files' paths; nobody else does. */
#ifndef TIEXEC_STAND_IN_H
#define TIEXEC_STAND_IN_H

#include <stddef.h>

struct stand_in {
    const char *copy, *path; /* the copy, and the file whose place it takes */
};

/* Copies the file at `path` to `copy`, which must not exist. The copy has the file's mode, without
 * set-id bits. Of its pages the page cache has none afterwards. Returns 0 or -errno. */
int stand_in_copy(const char *path, const char *copy);

/* Moves this process into a mount namespace of its own, and mounts the stand-ins there. Where that
 * is not allowed it is done in a user namespace of its own, in which this user and its group have
 * the ids that they have. Returns 0; or -errno, after which the process may be in either
 * namespace. */
int stand_in_mount(const struct stand_in *list, size_t count);

#endif
