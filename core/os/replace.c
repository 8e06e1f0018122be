/* SPDX-License-Identifier: Apache-2.0 */
#include "os/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *text, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, text + done, size - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return fchmod(fd, 0644) < 0 ? -errno : 0;
}

int replace_file(const char *path, const char *text, size_t size)
{
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s.%d.tmp", path, (int)getpid());
    if (length < 0 || (size_t)length >= sizeof beside)
        return -ENAMETOOLONG;
    unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int err = write_all(fd, text, size);
    if (close(fd) < 0 && !err)
        err = -errno;
    if (!err && rename(beside, path) < 0)
        err = -errno;
    if (err)
        unlink(beside);
    return err;
}
