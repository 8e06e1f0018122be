/* SPDX-License-Identifier: Apache-2.0 */
#include "os/stand_in.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1 << 24)

/* Copies within the kernel: what reads the copy later must read it from its medium, as a program
 * that has just been installed. So its pages are written and dropped. */
static int copy_bytes(int from, int to, off_t size)
{
    for (off_t done = 0; done < size;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, CHUNK, 0);
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
            n = sendfile(to, from, NULL, CHUNK);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return n < 0 ? -errno : -EIO;
        done += n > 0 ? n : 0;
    }
    if (fsync(to) < 0)
        return -errno;
    return -posix_fadvise(to, 0, 0, POSIX_FADV_DONTNEED);
}

int stand_in_copy(const char *path, const char *copy)
{
    struct stat st;
    int from = file_open(path);
    if (from < 0)
        return from;
    int to = fstat(from, &st) < 0
                 ? -errno
                 : file_open_at(AT_FDCWD, copy, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    int err = to < 0 ? to : copy_bytes(from, to, st.st_size);
    if (!err && fchmod(to, st.st_mode & 0777) < 0)
        err = -errno;
    close(from);
    if (to >= 0)
        close(to);
    return err;
}

static int write_file(const char *path, const char *text)
{
    int fd = file_open_at(AT_FDCWD, path, O_WRONLY, 0);
    if (fd < 0)
        return fd;
    int err = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return err;
}

static int map_id(const char *path, unsigned id)
{
    char line[48];
    snprintf(line, sizeof line, "%u %u 1", id, id);
    return write_file(path, line);
}

static int enter(void)
{
    unsigned uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWNS) == 0)
        return 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return -errno;
    int err = map_id("/proc/self/uid_map", uid);
    if (!err)
        err = write_file("/proc/self/setgroups", "deny"); /* else gid_map is for root alone */
    return err ? err : map_id("/proc/self/gid_map", gid);
}

int stand_in_mount(const struct stand_in *list, size_t count)
{
    int err = enter();
    if (!err && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        err = -errno;
    for (size_t i = 0; i < count && !err; i++)
        if (mount(list[i].copy, list[i].path, NULL, MS_BIND, NULL) < 0)
            err = -errno;
    return err;
}
