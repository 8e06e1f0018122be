/* SPDX-License-Identifier: Apache-2.0 */
#include "os/cache.h"

#include "base/clock.h"
#include "base/direct.h"
#include "base/file.h"
#include "base/madvise.h"
#include "os/trust.h"
#include "proc/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RETRY_NS 2000000

/* Says why a folder cannot hold cache files; NULL: it can. `mapped`: code in them is executed. */
static const char *unfit(int folder, bool mapped)
{
    struct statfs fs;
    struct statvfs flags;
    struct stat st;
    if (fstat(folder, &st) < 0 || fstatfs(folder, &fs) < 0 || fstatvfs(folder, &flags) < 0)
        return "it cannot be examined";
    if (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC)
        return "it is neither on tmpfs nor on hugetlbfs";
    if (mapped && flags.f_flag & ST_NOEXEC)
        return "it is on a filesystem mounted noexec";
    return trust_refuse(&st);
}

/* Opens a folder that is no symbolic link. `path` has no slash at its end: the kernel would follow
 * a link. */
static int open_folder(const char *path, bool make, bool mapped, const char **why)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    int folder = file_open_at(AT_FDCWD, path, flags, 0);
    if (folder == -ENOENT && make && (mkdir(path, 0700) == 0 || errno == EEXIST))
        folder = file_open_at(AT_FDCWD, path, flags, 0);
    if (folder < 0)
        return folder;
    *why = unfit(folder, mapped);
    if (!*why)
        return folder;
    close(folder);
    return -EPERM;
}

int cache_open_folder(const char *path, bool make, const char **why)
{
    *why = NULL;
    char *plain = strdup(path);
    if (!plain)
        return -ENOMEM;
    for (size_t size = strlen(plain); size > 1 && plain[size - 1] == '/';)
        plain[--size] = '\0';
    int folder = open_folder(plain, make, true, why);
    free(plain);
    return folder;
}

int cache_open_notes(const char *path, bool make)
{
    const char *why;
    return open_folder(path, make, false, &why);
}

int cache_open(int folder, const char *name, uint64_t size, const char **why)
{
    struct stat st;
    *why = NULL;
    int fd = file_open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd == -ELOOP)
        *why = "it is a symbolic link";
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        *why = "it cannot be examined";
    else if (!S_ISREG(st.st_mode))
        *why = "it is not a regular file";
    else if ((uint64_t)st.st_size < size)
        *why = "it is too short";
    else
        *why = trust_refuse(&st);
    if (!*why)
        return fd;
    close(fd);
    return -EPERM;
}

/* ---- making a copy ---- */

/* Locks a file, or gives -ETIMEDOUT. flock(2) has no timeout of its own, so it is tried again and
 * again. */
static int lock_until(int fd, int64_t deadline)
{
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (clock_is_past(deadline))
            return -ETIMEDOUT;
        clock_sleep(RETRY_NS);
    }
    return 0;
}

/* Tells whether `fd` is the file that has this name now. */
static bool is_named(int folder, const char *name, int fd)
{
    struct stat named, open;
    return fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &open) == 0 &&
           named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

static void temporary_name(char text[NAME_MAX + 1], const char *name)
{
    snprintf(text, NAME_MAX + 1, "%s" CACHE_TEMPORARY, name);
}

/* Opens the file of a copy that is being made; it is made, if it is not there. What else has the
 * name, a link or a FIFO, or a file that has another name, too, is removed: in this folder only
 * this user can have put it there. Gives a file descriptor or -errno. */
static int open_temporary(int folder, const char *name)
{
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    struct stat st;
    for (int tries = 0; tries < 3; tries++) {
        int fd = file_open_at(folder, name, flags, 0600);
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink <= 1)
            return fd;
        if (fd >= 0)
            close(fd);
        else if (fd != -ELOOP && fd != -ENXIO)
            return fd;
        if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
            return -errno;
    }
    return -EPERM;
}

int cache_begin(int folder, const char *name, int timeout)
{
    char temporary[NAME_MAX + 1];
    struct stat st;
    int64_t deadline = clock_deadline(timeout);
    if (strlen(name) + strlen(CACHE_TEMPORARY) > NAME_MAX)
        return -ENAMETOOLONG;
    temporary_name(temporary, name);
    for (;;) {
        int fd = open_temporary(folder, temporary);
        if (fd < 0)
            return fd;
        int err = lock_until(fd, deadline);
        /* If the holder of the lock has renamed or removed the file, another one has to be made. */
        bool mine = !err && is_named(folder, temporary, fd);
        if (!err && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            err = -EEXIST;
            if (mine)
                unlinkat(folder, temporary, 0);
        }
        if (!err && mine && ftruncate(fd, 0) < 0) {
            err = -errno;
            unlinkat(folder, temporary, 0);
        }
        if (!err && mine)
            return fd;
        close(fd);
        if (err)
            return err;
    }
}

int cache_finish(int folder, const char *name, int fd, unsigned mode)
{
    char temporary[NAME_MAX + 1];
    temporary_name(temporary, name);
    if (fchmod(fd, mode) < 0 || renameat(folder, temporary, folder, name) < 0)
        return -errno;
    return 0;
}

void cache_abandon(int folder, const char *name)
{
    char temporary[NAME_MAX + 1];
    temporary_name(temporary, name);
    unlinkat(folder, temporary, 0);
}

/* ---- bytes ---- */

struct pass {
    const struct cache_range *range;
    struct inferior *inferior; /* not changed: its /proc/PID/mem is open */
    char *bytes;               /* the part of the file, mapped for writing; NULL for a comparison */
};

/* Reads those parts of the pieces that lie in [at, at + size) of the range, each to its place in
 * `buffer`. */
static int read_pieces(const struct pass *pass, uint64_t at, uint64_t size, char *buffer)
{
    uint64_t from = pass->range->start + at, to = from + size;
    for (size_t i = 0; i < pass->range->count; i++) {
        const struct snapshot_range *piece = &pass->range->pieces[i];
        uint64_t start = piece->address > from ? piece->address : from;
        uint64_t stop = piece->address + piece->size < to ? piece->address + piece->size : to;
        int err = start < stop ? memory_read(pass->inferior, start, buffer + (start - from),
                                             (size_t)(stop - start))
                               : 0;
        if (err)
            return err;
    }
    return 0;
}

static int fill_slice(void *context, uint64_t at, uint64_t size)
{
    const struct pass *pass = context;
    return read_pieces(pass, at, size, pass->bytes + at);
}

/* Compares a part of the range. The file is read with pread: through a mapping, a file that is cut
 * short meanwhile would raise SIGBUS. The buffer is aligned for files that are read past the page
 * cache. */
static int compare_slice(void *context, uint64_t at, uint64_t size)
{
    const struct pass *pass = context;
    char *here = aligned_alloc(DIRECT_ALIGNMENT, 2 * MEMORY_PIECE);
    char *there = here ? here + MEMORY_PIECE : NULL;
    int err = here ? 0 : -ENOMEM;
    for (uint64_t stop = at + size; !err && at < stop;) {
        size_t n = stop - at < MEMORY_PIECE ? (size_t)(stop - at) : MEMORY_PIECE;
        ssize_t got = pread(pass->range->fd, here, n, (off_t)(pass->range->offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            err = got < 0 ? -errno : -EILSEQ;
            break;
        }
        memset(there, 0, (size_t)got);
        err = read_pieces(pass, at, (uint64_t)got, there);
        if (!err && memcmp(here, there, (size_t)got) != 0)
            err = -EILSEQ;
        at += (uint64_t)got;
    }
    free(here);
    return err;
}

int cache_compare(const struct cache_range *range, struct inferior *inferior)
{
    struct pass pass = {range, inferior, NULL};
    if (inferior->mem < 0)
        memory_reopen(inferior);
    return memory_in_parallel(range->size, compare_slice, &pass);
}

/* Maps that part of the file shared, at an address that is a multiple of the huge page. MAP_FAILED:
 * see errno. */
static char *map_aligned(const struct cache_range *range)
{
    size_t size = range->size, huge = range->huge;
    char *room = mmap(NULL, size + huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return MAP_FAILED;
    size_t before = (size_t)(-(uintptr_t)room & (huge - 1));
    if (before)
        munmap(room, before);
    munmap(room + before + size, huge - before);
    char *bytes = mmap(room + before, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                       range->fd, (off_t)range->offset);
    if (bytes == MAP_FAILED) {
        int err = errno;
        munmap(room + before, size);
        errno = err;
    }
    return bytes;
}

static bool is_hugetlb(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC;
}

/* Gives that part of the file memory, on huge pages where the kernel can. MADV_COLLAPSE (Linux 6.1)
 * makes huge pages even where shmem_enabled in /sys would not, unless it says "deny". It collapses
 * only where a page is there already, and fills up the rest with zeros. */
static int allocate(const struct cache_range *range, char *bytes)
{
    size_t size = range->size;
    if (ftruncate(range->fd, (off_t)(range->offset + size)) < 0)
        return -errno;
    if (!is_hugetlb(range->fd) && madvise(bytes, size, MADV_HUGEPAGE) == 0) {
        for (uint64_t at = 0; at < size; at += range->huge)
            madvise(bytes + at, 1, MADV_POPULATE_WRITE); /* fails where a write gets SIGBUS */
        madvise(bytes, size, MADV_COLLAPSE);
    }
    return fallocate(range->fd, 0, (off_t)range->offset, (off_t)size) < 0 ? -errno : 0;
}

/* Gives -EAGAIN if some of the mapping is not on huge pages. Before Linux 6.7 the kernel cannot
 * tell, and the caller finds out later, when the inferior has mapped the file. */
static int check_huge(const char *bytes, uint64_t size)
{
    struct pagemap sums;
    uint64_t start = (uint64_t)(uintptr_t)bytes;
    int err = pagemap_scan(getpid(), start, start + size, &sums);
    return !err && sums.file_huge < size ? -EAGAIN : 0;
}

int cache_fill(const struct cache_range *range, struct inferior *inferior)
{
    struct pass pass = {range, inferior, map_aligned(range)};
    if (pass.bytes == MAP_FAILED)
        return -errno;
    if (inferior->mem < 0)
        memory_reopen(inferior);
    int err = allocate(range, pass.bytes);
    if (!err)
        err = memory_in_parallel(range->size, fill_slice, &pass);
    if (!err && check_huge(pass.bytes, range->size) != 0) {
        madvise(pass.bytes, range->size, MADV_COLLAPSE);
        err = check_huge(pass.bytes, range->size);
    }
    munmap(pass.bytes, range->size);
    return err;
}

/* Writes through a mapping of whole pages of the filesystem: on hugetlbfs there is no other way. */
int cache_put(int fd, uint64_t offset, const void *bytes, size_t size)
{
    struct statfs fs;
    struct stat st;
    if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
        return -errno;
    uint64_t unit = (uint64_t)fs.f_bsize, from = offset & -unit;
    size_t length = (size_t)((offset + size + unit - 1) & -unit) - (size_t)from;
    if ((uint64_t)st.st_size < from + length && ftruncate(fd, (off_t)(from + length)) < 0)
        return -errno;
    if (fallocate(fd, 0, (off_t)from, (off_t)length) < 0)
        return -errno;
    char *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)from);
    if (map == MAP_FAILED)
        return -errno;
    memcpy(map + (offset - from), bytes, size);
    munmap(map, length);
    return 0;
}
