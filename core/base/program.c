/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"

#include "base/file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_executable(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/* Searches the folders of PATH. execvp goes on after a folder or file that may not be used, and
 * tells EACCES only when it finds nothing else. */
static int search_path(const char *file, char **path)
{
    const char *list = getenv("PATH");
    int result = -ENOENT;
    if (!list)
        list = "/bin:/usr/bin";
    for (const char *at = list, *colon = NULL; at; at = colon ? colon + 1 : NULL) {
        colon = strchr(at, ':'); /* an element without letters is the current folder */
        int length = (int)strcspn(at, ":");
        char *candidate;
        if (asprintf(&candidate, "%.*s%s%s", length, at, length ? "/" : "", file) < 0)
            return -ENOMEM;
        int err = check_executable(candidate);
        if (!err) {
            *path = candidate;
            return 0;
        }
        free(candidate);
        if (err == -EACCES || err == -EISDIR)
            result = -EACCES;
    }
    return result;
}

int program_find(const char *file, char **path)
{
    *path = NULL;
    if (!*file)
        return -ENOENT;
    if (!strchr(file, '/'))
        return search_path(file, path);
    int err = check_executable(file);
    *path = err ? NULL : strdup(file);
    return err || *path ? err : -ENOMEM;
}

static bool is_elf(const char *path)
{
    char *magic;
    size_t size;
    if (file_read_start(path, SELFMAG, &magic, &size))
        return false;
    bool elf = size == SELFMAG && memcmp(magic, ELFMAG, SELFMAG) == 0;
    free(magic);
    return elf;
}

int program_exec(const char *path, char *const argv[])
{
    execv(path, argv);
    int err = -errno;
    if (err != -ENOEXEC || is_elf(path))
        return err;
    size_t count = 0;
    while (argv[count])
        count++;
    char **shell = calloc(count + 3, sizeof *shell);
    if (!shell)
        return -ENOMEM;
    shell[0] = (char *)(uintptr_t)"/bin/sh";
    shell[1] = (char *)(uintptr_t)path;
    for (size_t i = 1; i < count; i++)
        shell[i + 1] = argv[i];
    execv(shell[0], shell);
    err = -errno;
    free(shell);
    return err;
}
