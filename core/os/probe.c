/* SPDX-License-Identifier: Apache-2.0 */
#include "os/probe.h"

#include "arch.h"
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

/* Gives the place of piece number `i`. Its place within the piece differs from that of its
 * neighbours, so that the lines spread evenly over the sets of any cache if the pieces are
 * contiguous in physical memory. */
static char *place(const struct area *area, const struct probe_chase *chase, uint64_t i)
{
    enum { LINE = 64 };
    uint64_t within = (i / 16 + i) * LINE & (chase->page_size - 1);
    return area->start + i * chase->page_size + within;
}

/* Makes one ring of all pieces, in random order (Sattolo's shuffle): which comes after which. The
 * order is the same each time. NULL: there is no memory. */
static uint64_t *make_ring(uint64_t count)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t *next = malloc(count * sizeof *next);
    if (!next)
        return NULL;
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
    return next;
}

/* Fills an area for a chase. 0 or -errno. */
typedef int fill_function(const struct area *area, const struct probe_chase *chase,
                          const uint64_t *next);
/* Gives the nanoseconds for each step, where `steps` are made, or a few more. */
typedef double step_function(char *first, const struct probe_chase *chase, uint64_t steps);

static int fill_with_pointers(const struct area *area, const struct probe_chase *chase,
                              const uint64_t *next)
{
    for (uint64_t i = 0; i < chase->pages; i++)
        *(void **)(void *)place(area, chase, i) = place(area, chase, next[i]);
    return 0;
}

static void *volatile sink; /* takes what was loaded: else the compiler would leave it out */

static double follow_pointers(char *first, const struct probe_chase *chase, uint64_t steps)
{
    void **at = (void **)(void *)first;
    int64_t started = clock_now();
    (void)chase;
    for (uint64_t i = 0; i < steps; i++)
        at = (void **)*at;
    sink = at;
    return (double)(clock_now() - started) / (double)steps;
}

/* The one that leads back to the first returns to the caller. */
static int fill_with_jumps(const struct area *area, const struct probe_chase *chase,
                           const uint64_t *next)
{
    for (uint64_t i = 0; i < chase->pages; i++) {
        char *at = place(area, chase, i);
        if (next[i] == 0)
            arch_make_return((uint8_t *)at);
        else
            arch_make_jump((uint8_t *)at, (int32_t)(place(area, chase, next[i]) - at));
    }
    __builtin___clear_cache(area->start, area->start + area->size);
    return mprotect(area->start, area->size, PROT_READ | PROT_EXEC) < 0 ? -errno : 0;
}

static double follow_jumps(char *first, const struct probe_chase *chase, uint64_t steps)
{
    void (*chain)(void) = (void (*)(void))(uintptr_t)first;
    uint64_t rounds = (steps + chase->pages - 1) / chase->pages;
    int64_t started = clock_now();
    for (uint64_t i = 0; i < rounds; i++)
        chain();
    return (double)(clock_now() - started) / (double)(rounds * chase->pages);
}

/* Maps an area, fills it and follows what it has, first to warm up. */
static int run_chase(const struct probe_chase *chase, struct probe_time *time, fill_function *fill,
                     step_function *follow)
{
    struct area area = {0};
    uint64_t *next = chase->pages ? make_ring(chase->pages) : NULL;
    int err = next ? reserve(&area, chase->pages * chase->page_size, chase->align) : -ENOMEM;
    if (err) {
        free(next);
        return err;
    }
    if (mmap(area.start, area.size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | chase->flags, -1, 0) == MAP_FAILED)
        err = -errno;
    if (!err && chase->advice && madvise(area.start, area.size, chase->advice) < 0)
        err = -errno;
    if (!err)
        err = fill(&area, chase, next);
    if (!err)
        err = count_huge(&area, &time->huge_bytes);
    if (!err) {
        char *first = place(&area, chase, 0);
        follow(first, chase, 2 * chase->pages);
        time->nanoseconds = follow(first, chase, chase->loads);
    }
    munmap(area.base, area.total);
    free(next);
    return err;
}

int probe_chase(const struct probe_chase *chase, struct probe_time *time)
{
    return run_chase(chase, time, fill_with_pointers, follow_pointers);
}

int probe_jumps(const struct probe_chase *chase, struct probe_time *time)
{
    if (chase->pages * chase->page_size >= UINT64_C(128) << 20)
        return -ERANGE;
    return run_chase(chase, time, fill_with_jumps, follow_jumps);
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
