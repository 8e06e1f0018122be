/* SPDX-License-Identifier: Apache-2.0 */
#include "os/privilege.h"

#include <stddef.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

const char *privilege_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return NULL;
    if (st.st_mode & S_ISUID && st.st_uid != geteuid())
        return "setuid";
    if (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getegid())
        return "setgid";
    return getxattr(path, "security.capability", NULL, 0) > 0 ? "capabilities" : NULL;
}
