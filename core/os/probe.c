/* SPDX-License-Identifier: Apache-2.0 */
#include "os/probe.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/madvise.h"
#include "proc/maps.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Memory at an aligned address, [start, start + size), within a larger mapping, [base, base +
 * total). */
struct area {
    char *base, *start;
    size_t total, size;
};

/* Reserves an area of at least `size` bytes, rounded up to a multiple of `align`, without
 * access. */
static int reserve(struct area *area, uint64_t size, uint64_t align)
{
    area->size = (size_t)((size + align - 1) & ~(align - 1));
    area->total = area->size + (size_t)align;
    area->base = mmap(NULL, area->total, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area->base == MAP_FAILED)
        return -errno;
    area->start = area->base + (-(uintptr_t)area->base & (align - 1));
    return 0;
}

/* Counts the bytes of an area that are on huge pages, as smaps says. The reserve around an area
 * keeps it apart from other mappings, which smaps might count with it. */
static int count_huge(const struct area *area, uint64_t *bytes)
{
    struct maps maps;
    uint64_t start = (uintptr_t)area->start, stop = start + area->size;
    int err = maps_read(getpid(), MAPS_DETAILS, &maps);
    if (err)
        return err;
    *bytes = 0;
    for (size_t i = 0; i < maps.count; i++) {
        const struct mapping *m = &maps.list[i];
        if (m->start < stop && start < m->stop)
            *bytes += m->anon_huge + m->shmem_huge + m->file_huge + m->hugetlb;
    }
    maps_free(&maps);
    return 0;
}

/* Gives the place of pointer number `i`. Its place within its piece differs from that of its
 * neighbours, so that the lines spread evenly over the sets of any cache if the pieces are
 * contiguous in physical memory. */
static void **place(const struct area *area, const struct probe_chase *chase, uint64_t i)
{
    enum { LINE = 64 };
    uint64_t within = (i / 16 + i) * LINE & (chase->page_size - 1);
    return (void **)(void *)(area->start + i * chase->page_size + within);
}

/* Links all pointers to one ring in random order (Sattolo's shuffle). The order is the same each
 * time. */
static int link_ring(const struct area *area, const struct probe_chase *chase)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15), count = chase->pages;
    uint64_t *next = malloc(count * sizeof *next);
    if (!next)
        return -ENOMEM;
    for (uint64_t i = 0; i < count; i++)
        next[i] = i;
    for (uint64_t i = count - 1; i > 0; i--) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t other = random % i, kept = next[i];
        next[i] = next[other];
        next[other] = kept;
    }
    for (uint64_t i = 0; i < count; i++)
        *place(area, chase, i) = place(area, chase, next[i]);
    free(next);
    return 0;
}

static void *volatile sink; /* takes what was loaded: else the compiler would leave it out */

/* Gives the nanoseconds that the loads have taken. */
static double time_loads(void **at, uint64_t loads)
{
    int64_t started = clock_now();
    for (uint64_t i = 0; i < loads; i++)
        at = (void **)*at;
    sink = at;
    return (double)(clock_now() - started);
}

int probe_chase(const struct probe_chase *chase, struct probe_time *time)
{
    struct area area = {0};
    int err = reserve(&area, chase->pages * chase->page_size, chase->align);
    if (err)
        return err;
    if (mmap(area.start, area.size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | chase->flags, -1, 0) == MAP_FAILED)
        err = -errno;
    if (!err && chase->advice && madvise(area.start, area.size, chase->advice) < 0)
        err = -errno;
    if (!err)
        err = link_ring(&area, chase);
    if (!err)
        err = count_huge(&area, &time->huge_bytes);
    if (!err) {
        void **first = place(&area, chase, 0);
        time_loads(first, 2 * chase->pages);
        time->nanoseconds = time_loads(first, chase->loads) / (double)chase->loads;
    }
    munmap(area.base, area.total);
    return err;
}

int probe_file(const char *path, uint64_t offset, uint64_t size, uint64_t *huge_bytes)
{
    struct area area = {0};
    int fd = file_open(path);
    if (fd < 0)
        return fd;
    int err = reserve(&area, size, size);
    if (err) {
        close(fd);
        return err;
    }
    if (mmap(area.start, area.size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd,
             (off_t)offset) == MAP_FAILED ||
        madvise(area.start, area.size, MADV_HUGEPAGE) < 0 ||
        madvise(area.start, area.size, MADV_POPULATE_READ) < 0)
        err = -errno;
    if (!err)
        err = count_huge(&area, huge_bytes);
    munmap(area.base, area.total);
    close(fd);
    return err;
}

int probe_counter(void)
{
    struct perf_event_attr attributes = {.type = PERF_TYPE_HARDWARE,
                                         .size = sizeof attributes,
                                         .config = PERF_COUNT_HW_CPU_CYCLES,
                                         .exclude_kernel = 1};
    int fd = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}
