/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int file_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

int file_create(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, flags, 0666);
    return fd < 0 ? -errno : fd;
}

/* Reads from `fd` until its end, or until `limit` bytes. A file of /proc gives no more than about a
 * page with one read(2), and tells no size beforehand. */
static int read_open(int fd, size_t limit, char **data, size_t *size)
{
    size_t capacity = 16384, used = 0;
    char *buffer = malloc(capacity);
    while (buffer) {
        if (capacity - used < 4096) {
            char *larger = realloc(buffer, capacity *= 2);
            if (!larger)
                break;
            buffer = larger;
        }
        size_t room = capacity - used - 1, left = limit - used;
        ssize_t n = read(fd, buffer + used, room < left ? room : left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int err = -errno;
            free(buffer);
            return err;
        }
        used += (size_t)n;
        if (n == 0 || used == limit) {
            buffer[used] = '\0';
            *data = buffer;
            *size = used;
            return 0;
        }
    }
    free(buffer);
    return -ENOMEM;
}

int file_read_start(const char *path, size_t limit, char **data, size_t *size)
{
    int fd = file_open(path);
    if (fd < 0)
        return fd;
    int err = read_open(fd, limit, data, size);
    close(fd);
    return err;
}

int file_read(const char *path, char **data, size_t *size)
{
    return file_read_start(path, SIZE_MAX, data, size);
}

int file_read_regular(const char *path, size_t limit, char **data, size_t *size)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    int fd = file_open(path);
    if (fd < 0)
        return fd;
    int err = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (!err)
        err = read_open(fd, limit + 1, data, size);
    close(fd);
    if (!err && *size > limit) {
        free(*data);
        err = -EFBIG;
    }
    return err;
}

int file_read_u64(const char *path, uint64_t *value)
{
    char *text = NULL, *end;
    size_t size;
    int err = file_read(path, &text, &size);
    if (err || !text)
        return err;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    err = errno ? -errno : (end == text || (*end && !isspace((unsigned char)*end))) ? -EINVAL : 0;
    free(text);
    if (!err)
        *value = number;
    return err;
}
