/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_open_at(int folder, const char *path, int flags, unsigned mode)
{
    int fd;
    do
        fd = openat(folder, path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

int file_open(const char *path)
{
    return file_open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
}

int file_create(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY;
    return file_open_at(AT_FDCWD, path, flags, 0666);
}

int file_append(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY;
    return file_open_at(AT_FDCWD, path, flags, 0666);
}

/* Reads from `fd` into a buffer until the end, until the buffer is full, or until `limit` bytes
 * have been read in all. `*used` bytes are in the buffer already. Returns 1 at the end or the
 * limit, 0 if there may be more, or -errno. */
static int fill(int fd, size_t limit, char *buffer, size_t capacity, size_t *used)
{
    while (*used < limit && *used < capacity) {
        size_t room = capacity - *used, left = limit - *used;
        ssize_t n = read(fd, buffer + *used, room < left ? room : left);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 1;
        *used += n > 0 ? (size_t)n : 0;
    }
    return *used == limit;
}

/* Reads from `fd` until its end, or until `limit` bytes. A file of /proc gives no more than about a
 * page with one read(2), and tells no size beforehand. Most are small: what fits on the stack takes
 * no more of the heap than it needs. */
static int read_open(int fd, size_t limit, char **data, size_t *size)
{
    char start[4096], *buffer = start, *heap = NULL;
    size_t used = 0, capacity = sizeof start;
    for (;;) {
        int done = fill(fd, limit, buffer, capacity, &used);
        capacity = done ? used : capacity * 4;
        bool fits = done >= 0 && capacity < SIZE_MAX;
        char *larger = fits ? realloc(heap, capacity + 1) : NULL;
        if (!larger) {
            free(heap);
            return done < 0 ? done : -ENOMEM;
        }
        if (!heap)
            memcpy(larger, start, used);
        buffer = heap = larger;
        if (done)
            break;
    }
    heap[used] = '\0';
    *data = heap;
    *size = used;
    return 0;
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

/* Reads from `fd` what one read(2) gives. Returns 1: it may not be all; 0 or -errno. */
static int read_once(int fd, char **data, size_t *size)
{
    char start[4096];
    ssize_t n = read(fd, start, sizeof start);
    if (n < 0 || (size_t)n == sizeof start)
        return n < 0 && errno != EINTR ? -errno : 1;
    *data = malloc((size_t)n + 1);
    if (!*data)
        return -ENOMEM;
    memcpy(*data, start, (size_t)n);
    (*data)[n] = '\0';
    *size = (size_t)n;
    return 0;
}

int file_read_at_once(const char *path, char **data, size_t *size)
{
    int fd = file_open(path);
    if (fd < 0)
        return fd;
    int err = read_once(fd, data, size);
    close(fd);
    return err > 0 ? file_read(path, data, size) : err;
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
    int err = file_read_at_once(path, &text, &size);
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
