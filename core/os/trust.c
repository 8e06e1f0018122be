/* SPDX-License-Identifier: Apache-2.0 */
#include "os/trust.h"

#include "base/file.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OVERFLOW_ID 65534 /* whom a user namespace does not know */

const char *trust_refuse(const struct stat *st)
{
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return "it belongs to another user";
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return "others may write to it";
    return NULL;
}

/* Tells whether this user namespace is the first one. In others root's files of the host seem to
 * belong to nobody. */
static bool is_first_namespace(void)
{
    char *text;
    size_t size;
    if (file_read("/proc/self/uid_map", &text, &size))
        return true;
    char *at = text;
    unsigned long inside = strtoul(at, &at, 10), outside = strtoul(at, &at, 10);
    bool first = inside == 0 && outside == 0 && strtoul(at, &at, 10) == UINT32_MAX;
    free(text);
    return first;
}

/* Judges a folder above the file. In a sticky folder, such as /tmp, others may add files and not
 * replace any. */
static const char *refuse_folder(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return NULL;
    if (st.st_uid == OVERFLOW_ID && !is_first_namespace())
        st.st_uid = 0;
    if (st.st_mode & S_ISVTX || st.st_gid == 0)
        st.st_mode &= ~(mode_t)S_IWGRP;
    if (st.st_mode & S_ISVTX)
        st.st_mode &= ~(mode_t)S_IWOTH;
    return trust_refuse(&st) ? "a folder above it is another user's, or others may write to it"
                             : NULL;
}

/* Judges all folders above an absolute path without links, which is cut off meanwhile. */
static const char *refuse_above(char *path)
{
    const char *why = NULL;
    for (char *slash; !why && (slash = strrchr(path, '/')) && slash != path;) {
        *slash = '\0';
        why = refuse_folder(path);
    }
    return why ? why : refuse_folder("/");
}

const char *trust_refuse_path(const char *path)
{
    char folder[PATH_MAX], real[PATH_MAX];
    struct stat st;
    if (geteuid() != 0 || lstat(path, &st) < 0)
        return NULL;
    if (S_ISLNK(st.st_mode))
        st.st_mode &= ~(mode_t)(S_IWGRP | S_IWOTH); /* a link's mode says nothing */
    const char *why = trust_refuse(&st);
    if (!why && stat(path, &st) == 0)
        why = trust_refuse(&st);
    if (!why && realpath(path, real))
        why = refuse_above(real);
    /* the folders that lead to a link */
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s/.", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (!why && realpath(folder, real) && !(why = refuse_folder(real)))
        why = refuse_above(real);
    return why;
}
