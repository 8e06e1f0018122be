/* SPDX-License-Identifier: Apache-2.0
 * Whom a file belongs to. Root must not be led to obey a file that another user can write. */
#ifndef TIEXEC_TRUST_H
#define TIEXEC_TRUST_H

#include <sys/stat.h>

/* Why a file or folder that `st` tells of can be another user's doing: it belongs neither to this
 * user nor to root, or others may write to it. NULL: it cannot. The strings are constants. */
const char *trust_refuse(const struct stat *st);

/* The same for a path: the file, where links lead, and all folders above both. Only asked as root
 * (effective user 0): for others it is NULL, and so it is where there is no such file. */
const char *trust_refuse_path(const char *path);

#endif
