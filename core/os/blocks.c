/* SPDX-License-Identifier: Apache-2.0 */
#include "os/blocks.h"

#include "base/madvise.h"
#include "os/aside.h"
#include "proc/maps.h"
#include "proc/pagemap.h"
#include "ptrace/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

/* ---- what is huge ---- */

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

/* Counts the cached pages of a block by mincore, for kernels without cachestat. */
static int64_t count_by_mincore(const struct blocks *block, uint64_t pages)
{
    char *room, *place = may_use_mincore(block->fd)
                             ? aside_map(block, PROT_READ, MADV_RANDOM, &room)
                             : (errno = EPERM, NULL);
    if (!place)
        return -errno;
    unsigned char *cached = malloc(pages);
    int64_t count = cached ? aside_cached(place, block->size, cached) : -ENOMEM;
    for (uint64_t i = 0; count >= 0 && i < pages; i++)
        count += cached[i] & 1;
    free(cached);
    aside_unmap(block, room);
    return count;
}

/* Counts the cached pages of a block, or gives -errno. */
static int64_t count_cached(const struct blocks *block)
{
    struct cache_span span = {block->offset, block->size};
    struct cache_counts counts;
    if (syscall(SYS_cachestat, block->fd, &span, &counts, 0) == 0)
        return (int64_t)counts.cached;
    return errno == ENOSYS ? count_by_mincore(block, block->size / aside_page_size()) : -errno;
}

/* Touches a page of each block that is cached as a whole. Mostly all of them are huge: then one
 * call maps them all. */
static int touch(const struct blocks *blocks, char *place, const char states[])
{
    uint64_t count = blocks->size / blocks->huge, start = (uint64_t)(uintptr_t)place, huge = 0;
    int err = 0;
    if (!memchr(states, BLOCK_PARTIAL, count) && !memchr(states, BLOCK_ABSENT, count)) {
        err = aside_populate(place, aside_page_size());
        if (!err)
            err = count_huge(start, start + blocks->huge, &huge);
        if (!err && huge >= blocks->huge)
            return aside_populate(place, blocks->size);
    }
    for (uint64_t i = 0; !err && i < count; i++)
        if (states[i] == BLOCK_SMALL)
            err = aside_populate(place + i * blocks->huge, aside_page_size());
    return err;
}

/* Tells which of the blocks that are cached as a whole are on huge pages: such a block is mapped
 * huge by the touch of one page. For MADV_RANDOM nothing is read ahead. */
static int see_cached(const struct blocks *blocks, char states[])
{
    char *room, *place = aside_map(blocks, PROT_READ, MADV_RANDOM, &room);
    int err = place ? touch(blocks, place, states) : -errno;
    if (!err)
        err = see_huge(blocks, place, states);
    if (place)
        aside_unmap(blocks, room);
    return err;
}

int blocks_are_cached(const struct blocks *blocks, bool *are)
{
    int64_t count = count_cached(blocks);
    *are = count >= (int64_t)(blocks->size / aside_page_size());
    return count < 0 ? (int)count : 0;
}

int blocks_look(const struct blocks *blocks, char states[])
{
    bool all_are_whole, some_are_whole = false;
    int64_t pages = (int64_t)(blocks->huge / aside_page_size());
    struct blocks block = *blocks;
    block.size = blocks->huge;
    int err = blocks_are_cached(blocks, &all_are_whole);
    if (!err && all_are_whole) {
        memset(states, BLOCK_SMALL, blocks->size / blocks->huge);
        return see_cached(blocks, states);
    }
    for (uint64_t i = 0; i < blocks->size / blocks->huge; i++) {
        block.offset = blocks->offset + i * blocks->huge;
        int64_t count = count_cached(&block);
        if (err || count < 0)
            return err ? err : (int)count;
        states[i] = (char)(count == 0 ? BLOCK_ABSENT : count < pages ? BLOCK_PARTIAL : BLOCK_SMALL);
        some_are_whole |= states[i] == BLOCK_SMALL;
    }
    return some_are_whole ? see_cached(blocks, states) : 0;
}

int blocks_are_mapped(const struct blocks *blocks, bool *are)
{
    uint64_t page = aside_page_size(), shared = 0;
    char *room, *place = aside_map(blocks, PROT_READ, MADV_RANDOM, &room);
    if (!place)
        return -errno;
    unsigned char *cached = malloc(blocks->size / page);
    int err = cached ? aside_cached(place, blocks->size, cached) : -ENOMEM;
    uint64_t from, to = 0;
    while (!err && aside_next_run(cached, blocks->size / page, &from, &to))
        err = aside_populate(place + from * page, (to - from) * page);
    uint64_t start = (uint64_t)(uintptr_t)place;
    if (!err)
        err = pagemap_shared(getpid(), start, start + blocks->size, &shared);
    *are = shared > 0;
    free(cached);
    aside_unmap(blocks, room);
    return err;
}

/* ---- reading ---- */

struct reading {
    const struct blocks *blocks;
    char *place;
    uint64_t done; /* bytes that have been read before the work is divided */
};

/* Reads the blocks that begin in a part. One after another: for more than one at a time the kernel
 * would read ahead, beyond the blocks. */
static int read_part(void *context, uint64_t from, uint64_t size)
{
    const struct reading *reading = context;
    uint64_t huge = reading->blocks->huge, start = reading->done + from;
    int err = 0;
    for (uint64_t at = (start + huge - 1) & -huge; !err && at < start + size; at += huge)
        err = aside_populate(reading->place + at, huge);
    return err;
}

/* How often this thread has waited for a disk: what is cached costs no such fault. */
static long major_faults(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) < 0 ? 0 : usage.ru_majflt;
}

/* Reads all blocks: by one thread as long as they are cached, and else by several. */
static int read_all_blocks(struct reading *reading)
{
    const struct blocks *blocks = reading->blocks;
    long before = major_faults();
    int err = 0;
    while (!err && reading->done < blocks->size && major_faults() == before) {
        err = aside_populate(reading->place + reading->done, blocks->huge);
        reading->done += blocks->huge;
    }
    uint64_t left = blocks->size - reading->done;
    return err || left == 0 ? err : memory_in_parallel(left, read_part, reading);
}

int blocks_read(const struct blocks *blocks, char states[])
{
    char *room, *place = aside_map(blocks, PROT_READ, MADV_HUGEPAGE, &room);
    if (!place)
        return -errno;
    struct reading reading = {blocks, place, 0};
    memset(states, BLOCK_SMALL, blocks->size / blocks->huge);
    int err = madvise(place, blocks->size, MADV_RANDOM) < 0 ? -errno : 0;
    if (!err)
        err = read_all_blocks(&reading);
    if (!err)
        err = see_huge(blocks, place, states);
    aside_unmap(blocks, room);
    return err;
}

#define JOIN_TRIES 4

/* The kernel judges the mapping first. One small page has no huge page to join in it. */
static bool can_collapse(char *place)
{
    return madvise(place, aside_page_size(), MADV_COLLAPSE) == 0;
}

/* Joins the cached pages of one block. The kernel refuses pages that are still being read or that
 * are dirty, has them written, and may say EINVAL of pages that it has just joined: so what is
 * missing is read before, and the kernel is asked again. */
static int join_block(const struct blocks *blocks, uint64_t at, char *place)
{
    unsigned how = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    off64_t offset = (off64_t)(blocks->offset + at), size = (off64_t)blocks->huge;
    int err = aside_populate(place + at, blocks->huge);
    if (err)
        return err;
    for (int tries = 0; tries < JOIN_TRIES; tries++) {
        if (madvise(place + at, blocks->huge, MADV_COLLAPSE) == 0)
            return 0;
        err = -errno;
        if (tries == 0 && sync_file_range(blocks->fd, offset, size, how) < 0)
            return -errno;
    }
    return err;
}

int blocks_collapse(const struct blocks *blocks)
{
    /* The kernel collapses files only where they are mapped as text. */
    char *room, *place = aside_map(blocks, PROT_READ | PROT_EXEC, MADV_HUGEPAGE, &room);
    if (!place)
        return -errno;
    int err = can_collapse(place) ? 0 : -EINVAL;
    for (uint64_t at = 0; !err && at < blocks->size; at += blocks->huge)
        err = join_block(blocks, at, place);
    aside_unmap(blocks, room);
    return err;
}

bool blocks_can_collapse(const struct blocks *blocks)
{
    char *room, *place = aside_map(blocks, PROT_READ | PROT_EXEC, MADV_HUGEPAGE, &room);
    if (!place)
        return false;
    bool can = can_collapse(place);
    aside_unmap(blocks, room);
    return can;
}
