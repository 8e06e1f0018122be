/* SPDX-License-Identifier: Apache-2.0
 * Files that are replaced as a whole. */
#ifndef TIEXEC_REPLACE_H
#define TIEXEC_REPLACE_H

#include <stddef.h>

/* Puts a file with these bytes, readable by all, in the place of `path`, in one step. The new file
 * is made beside it, under a name of this process: what stands there already is removed, and no
 * link is followed. Returns 0 or -errno: then all is as it was. */
int replace_file(const char *path, const char *text, size_t size);

#endif
