/* SPDX-License-Identifier: Apache-2.0 */
#include "os/blocks.h"

#include "base/direct.h"
#include "base/madvise.h"
#include "proc/maps.h"
#include "proc/pagemap.h"
#include "ptrace/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_cachestat /* Linux 6.5: one number on all CPUs */
#define SYS_cachestat 451
#endif

/* The structures of cachestat(2), which older headers lack. */
struct cache_span {
    uint64_t offset, length;
};

struct cache_counts {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

static uint64_t page_size(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }

/* ---- a mapping of the blocks ---- */

/* Maps the blocks where they can be huge, with this advice. `*room` is what munmap is to be given:
 * the blocks and `huge` bytes. Returns NULL on failure, see errno. */
static char *map_aside(const struct blocks *blocks, int protection, int advice, char **room)
{
    size_t total = blocks->size + blocks->huge;
    *room = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (*room == MAP_FAILED)
        return NULL;
    char *place = *room + (-(uintptr_t)*room & (blocks->huge - 1));
    if (mmap(place, blocks->size, protection, MAP_PRIVATE | MAP_FIXED, blocks->fd,
             (off_t)blocks->offset) != MAP_FAILED &&
        madvise(place, blocks->size, advice) == 0)
        return place;
    int err = errno;
    munmap(*room, total);
    errno = err;
    return NULL;
}

static void unmap(const struct blocks *blocks, char *room)
{
    munmap(room, blocks->size + blocks->huge);
}

static int populate(char *place, uint64_t size)
{
    int result;
    do
        result = madvise(place, size, MADV_POPULATE_READ);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

/* Sums up what maps a range of this process. Kernels before Linux 6.7 tell of whole mappings
 * alone. */
static int count_huge(uint64_t start, uint64_t stop, uint64_t *huge)
{
    struct pagemap sums;
    struct maps maps;
    int err = pagemap_scan(getpid(), start, stop, &sums);
    *huge = sums.file_huge;
    if (err != -ENOTTY)
        return err;
    err = maps_read(getpid(), true, &maps);
    if (err)
        return err;
    for (size_t i = 0; i < maps.count; i++)
        if (maps.list[i].start == start && maps.list[i].stop == stop)
            *huge = maps.list[i].file_huge + maps.list[i].shmem_huge;
    maps_free(&maps);
    return 0;
}

/* Makes those blocks BLOCK_HUGE that are BLOCK_SMALL and that a huge page maps. Each of them has
 * been touched. */
static int see_huge(const struct blocks *blocks, const char *place, char states[])
{
    uint64_t start = (uint64_t)(uintptr_t)place, huge;
    int err = count_huge(start, start + blocks->size, &huge);
    if (err || huge == 0)
        return err;
    if (huge >= blocks->size) {
        memset(states, BLOCK_HUGE, blocks->size / blocks->huge);
        return 0;
    }
    for (uint64_t at = 0; !err && at < blocks->size; at += blocks->huge) {
        char *state = &states[at / blocks->huge];
        huge = 0;
        if (*state == BLOCK_SMALL)
            err = count_huge(start + at, start + at + blocks->huge, &huge);
        if (!err && huge >= blocks->huge)
            *state = BLOCK_HUGE;
    }
    return err;
}

/* ---- looking ---- */

/* mincore(2) tells all users but these that everything is cached. */
static bool may_use_mincore(int fd)
{
    struct stat st;
    return geteuid() == 0 || (fstat(fd, &st) == 0 && st.st_uid == geteuid());
}

/* Notes in `cached` of each page of a mapping that was not touched yet whether it is cached. */
static int list_cached(char *place, uint64_t size, unsigned char cached[])
{
    return mincore(place, size, cached) < 0 ? -errno : 0;
}

/* Finds the next run of cached pages: from `*to` on, [*from, *to). false: there is none. */
static bool next_run(const unsigned char cached[], uint64_t pages, uint64_t *from, uint64_t *to)
{
    for (*from = *to; *from < pages && !(cached[*from] & 1);)
        ++*from;
    for (*to = *from; *to < pages && (cached[*to] & 1);)
        ++*to;
    return *from < *to;
}

/* Counts the cached pages of a block by mincore, for kernels without cachestat. */
static int64_t count_by_mincore(const struct blocks *block, uint64_t pages)
{
    char *room, *place = may_use_mincore(block->fd)
                             ? map_aside(block, PROT_READ, MADV_RANDOM, &room)
                             : (errno = EPERM, NULL);
    if (!place)
        return -errno;
    unsigned char *cached = malloc(pages);
    int64_t count = cached ? list_cached(place, block->size, cached) : -ENOMEM;
    for (uint64_t i = 0; count >= 0 && i < pages; i++)
        count += cached[i] & 1;
    free(cached);
    unmap(block, room);
    return count;
}

/* Counts the cached pages of a block, or gives -errno. */
static int64_t count_cached(const struct blocks *block)
{
    struct cache_span span = {block->offset, block->size};
    struct cache_counts counts;
    if (syscall(SYS_cachestat, block->fd, &span, &counts, 0) == 0)
        return (int64_t)counts.cached;
    return errno == ENOSYS ? count_by_mincore(block, block->size / page_size()) : -errno;
}

/* Tells which of the blocks that are cached as a whole are on huge pages: such a block is mapped
 * huge by the touch of one page. For MADV_RANDOM nothing is read ahead. */
static int see_cached(const struct blocks *blocks, char states[])
{
    char *room, *place = map_aside(blocks, PROT_READ, MADV_RANDOM, &room);
    int err = place ? 0 : -errno;
    if (err)
        return err;
    for (uint64_t at = 0; !err && at < blocks->size; at += blocks->huge)
        if (states[at / blocks->huge] == BLOCK_SMALL)
            err = populate(place + at, page_size());
    if (!err)
        err = see_huge(blocks, place, states);
    unmap(blocks, room);
    return err;
}

int blocks_look(const struct blocks *blocks, char states[])
{
    bool some_are_whole = false;
    int64_t pages = (int64_t)(blocks->huge / page_size());
    struct blocks block = *blocks;
    block.size = blocks->huge;
    for (uint64_t i = 0; i < blocks->size / blocks->huge; i++) {
        block.offset = blocks->offset + i * blocks->huge;
        int64_t count = count_cached(&block);
        if (count < 0)
            return (int)count;
        states[i] = count == 0 ? BLOCK_ABSENT : count < pages ? BLOCK_PARTIAL : BLOCK_SMALL;
        some_are_whole |= states[i] == BLOCK_SMALL;
    }
    return some_are_whole ? see_cached(blocks, states) : 0;
}

int blocks_are_mapped(const struct blocks *blocks, bool *are)
{
    uint64_t page = page_size(), shared = 0;
    char *room, *place = map_aside(blocks, PROT_READ, MADV_RANDOM, &room);
    if (!place)
        return -errno;
    unsigned char *cached = malloc(blocks->size / page);
    int err = cached ? list_cached(place, blocks->size, cached) : -ENOMEM;
    uint64_t from, to = 0;
    while (!err && next_run(cached, blocks->size / page, &from, &to))
        err = populate(place + from * page, (to - from) * page);
    uint64_t start = (uint64_t)(uintptr_t)place;
    if (!err)
        err = pagemap_shared(getpid(), start, start + blocks->size, &shared);
    *are = shared > 0;
    free(cached);
    unmap(blocks, room);
    return err;
}

/* ---- reading ---- */

struct reading {
    const struct blocks *blocks;
    char *place;
};

/* Reads the blocks that begin in a part. One after another: for more than one at a time the kernel
 * would read ahead, beyond the blocks. */
static int read_part(void *context, uint64_t from, uint64_t size)
{
    const struct reading *reading = context;
    uint64_t huge = reading->blocks->huge;
    int err = 0;
    for (uint64_t at = (from + huge - 1) & -huge; !err && at < from + size; at += huge)
        err = populate(reading->place + at, huge);
    return err;
}

int blocks_read(const struct blocks *blocks, char states[])
{
    char *room, *place = map_aside(blocks, PROT_READ, MADV_HUGEPAGE, &room);
    if (!place)
        return -errno;
    struct reading reading = {blocks, place};
    memset(states, BLOCK_SMALL, blocks->size / blocks->huge);
    int err = madvise(place, blocks->size, MADV_RANDOM) < 0 ? -errno : 0;
    if (!err)
        err = memory_in_parallel(blocks->size, read_part, &reading);
    if (!err)
        err = see_huge(blocks, place, states);
    unmap(blocks, room);
    return err;
}

int blocks_collapse(const struct blocks *blocks)
{
    /* The kernel collapses files only where they are mapped as text. */
    char *room, *place = map_aside(blocks, PROT_READ | PROT_EXEC, MADV_HUGEPAGE, &room);
    if (!place)
        return -errno;
    int err = madvise(place, blocks->size, MADV_COLLAPSE) < 0 ? -errno : 0;
    unmap(blocks, room);
    return err;
}

/* ---- dropping ---- */

/* Reads all of [offset, offset + size). 0 or -errno; -EILSEQ: the file ends before. */
static int read_all(int fd, char *buffer, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, buffer + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EILSEQ;
        done += (size_t)n;
    }
    return 0;
}

/* Compares what is cached of [offset, offset + size), all of which is, with the medium. The cached
 * bytes are read and not mapped: a file that is cut short meanwhile would raise SIGBUS. */
static int compare_run(int fd, int direct, uint64_t offset, uint64_t size)
{
    char *cached = aligned_alloc(DIRECT_ALIGNMENT, 2 * MEMORY_PIECE);
    char *stored = cached ? cached + MEMORY_PIECE : NULL;
    int err = cached ? 0 : -ENOMEM;
    for (uint64_t stop = offset + size; !err && offset < stop; offset += MEMORY_PIECE) {
        size_t n = stop - offset < MEMORY_PIECE ? (size_t)(stop - offset) : MEMORY_PIECE;
        err = read_all(direct, stored, n, offset);
        if (!err)
            err = read_all(fd, cached, n, offset);
        if (!err && memcmp(cached, stored, n) != 0)
            err = -EILSEQ;
    }
    free(cached);
    return err;
}

/* Makes sure that the medium has what is cached of a block. */
static int verify_block(const struct blocks *block, int direct)
{
    const unsigned write = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                           SYNC_FILE_RANGE_WAIT_AFTER; /* only what is dirty is written */
    char *room, *place = map_aside(block, PROT_READ, MADV_RANDOM, &room);
    if (!place)
        return -errno;
    unsigned char *cached = malloc(block->size / page_size());
    int err = cached ? list_cached(place, block->size, cached) : -ENOMEM;
    unmap(block, room);
    if (!err && sync_file_range(block->fd, (off_t)block->offset, (off_t)block->size, write) < 0)
        err = -errno;
    uint64_t from, to = 0, page = page_size();
    while (!err && next_run(cached, block->size / page, &from, &to))
        err = compare_run(block->fd, direct, block->offset + from * page, (to - from) * page);
    free(cached);
    return err;
}

int blocks_drop(const struct blocks *blocks, int direct)
{
    struct blocks block = *blocks;
    block.size = blocks->huge;
    int err = 0;
    for (uint64_t at = 0; !err && at < blocks->size; at += blocks->huge) {
        block.offset = blocks->offset + at;
        err = verify_block(&block, direct);
        if (!err)
            err = -posix_fadvise(block.fd, (off_t)block.offset, (off_t)block.size,
                                 POSIX_FADV_DONTNEED);
    }
    return err;
}
