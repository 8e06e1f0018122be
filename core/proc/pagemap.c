/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/pagemap.h"

#include "proc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What follows is PAGEMAP_SCAN of <linux/fs.h>, which headers before Linux 6.7 do not have. */
#define IS_FILE    (UINT64_C(1) << 2)
#define IS_PRESENT (UINT64_C(1) << 3)
#define IS_SWAPPED (UINT64_C(1) << 4)
#define IS_HUGE    (UINT64_C(1) << 6)

struct region {
    uint64_t start, end, categories;
};

struct scan_argument {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN _IOWR('f', 16, struct scan_argument)

static void add(struct pagemap *sums, const struct region *region)
{
    uint64_t bytes = region->end - region->start;
    if (region->categories & IS_FILE)
        *(region->categories & IS_HUGE ? &sums->file_huge : &sums->file_small) += bytes;
    else
        *(region->categories & IS_HUGE ? &sums->anon_huge : &sums->anon_small) += bytes;
}

int pagemap_scan(pid_t pid, uint64_t start, uint64_t stop, struct pagemap *sums)
{
    struct region regions[64];
    struct scan_argument scan = {
        .size = sizeof scan,
        .start = start,
        .end = stop,
        .vec = (uint64_t)(uintptr_t)regions,
        .vec_len = sizeof regions / sizeof regions[0],
        .category_anyof_mask = IS_PRESENT | IS_SWAPPED, /* what was written to may be swapped out */
        .return_mask = IS_FILE | IS_HUGE,
    };
    *sums = (struct pagemap){0};
    int fd = process_open(pid, "pagemap", O_RDONLY), err = 0;
    if (fd < 0)
        return fd;
    while (scan.start < stop) {
        int count = ioctl(fd, SCAN, &scan);
        if (count < 0) {
            err = -errno;
            break;
        }
        for (int i = 0; i < count; i++)
            add(sums, &regions[i]);
        if (scan.walk_end <= scan.start)
            break;
        scan.start = scan.walk_end;
    }
    close(fd);
    return err;
}

/* The bits of an entry of /proc/PID/pagemap: the page is mapped here; it is in swap space; it is of
 * a file, or shared; it is mapped only once (Linux 4.2). */
#define ENTRY_PRESENT   (UINT64_C(1) << 63)
#define ENTRY_SWAPPED   (UINT64_C(1) << 62)
#define ENTRY_FILE      (UINT64_C(1) << 61)
#define ENTRY_EXCLUSIVE (UINT64_C(1) << 56)

static bool is_shared(uint64_t entry)
{
    return (entry & ENTRY_PRESENT) && !(entry & ENTRY_EXCLUSIVE);
}

static bool is_written(uint64_t entry)
{
    return (entry & (ENTRY_PRESENT | ENTRY_SWAPPED)) && !(entry & ENTRY_FILE);
}

/* Sums up the bytes of those pages of [start, stop) whose entries are counted. */
static int sum_up(int fd, uint64_t start, uint64_t stop, bool (*counts)(uint64_t), uint64_t *bytes)
{
    uint64_t entries[512], page = (uint64_t)sysconf(_SC_PAGESIZE);
    int err = 0;
    for (uint64_t at = start / page, end = stop / page; !err && at < end;) {
        size_t count = end - at < 512 ? (size_t)(end - at) : 512;
        ssize_t size = pread(fd, entries, count * 8, (off_t)(at * 8));
        if (size <= 0)
            err = size < 0 ? -errno : -EIO;
        for (ssize_t i = 0; i < size / 8; i++)
            if (counts(entries[i]))
                *bytes += page;
        at += size > 0 ? (uint64_t)size / 8 : 0;
    }
    return err;
}

static int sum_up_of(pid_t pid, uint64_t start, uint64_t stop, bool (*counts)(uint64_t),
                     uint64_t *bytes)
{
    *bytes = 0;
    int fd = process_open(pid, "pagemap", O_RDONLY);
    if (fd < 0)
        return fd;
    int err = sum_up(fd, start, stop, counts, bytes);
    close(fd);
    return err;
}

int pagemap_shared(pid_t pid, uint64_t start, uint64_t stop, uint64_t *bytes)
{
    return sum_up_of(pid, start, stop, is_shared, bytes);
}

int pagemap_written(pid_t pid, uint64_t start, uint64_t stop, uint64_t *bytes)
{
    return sum_up_of(pid, start, stop, is_written, bytes);
}

int pagemap_present(int fd, uint64_t start, size_t count, bool present[])
{
    uint64_t entries[512], page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (size_t done = 0; done < count;) {
        size_t n = count - done < 512 ? count - done : 512;
        ssize_t size = pread(fd, entries, n * 8, (off_t)((start / page + done) * 8));
        if (size < 8)
            return size < 0 ? -errno : -EIO;
        for (size_t i = 0; i < (size_t)size / 8; i++)
            present[done + i] = entries[i] & (ENTRY_PRESENT | ENTRY_SWAPPED);
        done += (size_t)size / 8;
    }
    return 0;
}
