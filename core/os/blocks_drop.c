/* SPDX-License-Identifier: Apache-2.0 */
#include "os/blocks_drop.h"

#include "base/direct.h"
#include "ptrace/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

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

/* Copies mapped bytes. If the file is cut short meanwhile this is an error, and no SIGBUS. */
static int copy_mapped(char *buffer, char *from, size_t size)
{
    struct iovec here = {buffer, size}, there = {from, size};
    ssize_t n = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    return n < 0 ? -errno : (size_t)n == size ? 0 : -EFAULT;
}

/* Compares cached pages, [at, at + size) of a block, with the medium. They are read through a
 * mapping, for which nothing is read ahead: what arrives later would stay. */
static int compare_run(const struct blocks *block, char *place, int direct, uint64_t at,
                       uint64_t size)
{
    char *cached = aligned_alloc(DIRECT_ALIGNMENT, 2 * MEMORY_PIECE);
    char *stored = cached ? cached + MEMORY_PIECE : NULL;
    int err = cached ? 0 : -ENOMEM;
    for (uint64_t stop = at + size; !err && at < stop; at += MEMORY_PIECE) {
        size_t n = stop - at < MEMORY_PIECE ? (size_t)(stop - at) : MEMORY_PIECE;
        err = read_all(direct, stored, n, block->offset + at);
        if (!err)
            err = copy_mapped(cached, place + at, n);
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
    char *room, *place = aside_map(block, PROT_READ, MADV_RANDOM, &room);
    if (!place)
        return -errno;
    unsigned char *cached = malloc(block->size / aside_page_size());
    int err = cached ? aside_cached(place, block->size, cached) : -ENOMEM;
    if (!err && sync_file_range(block->fd, (off_t)block->offset, (off_t)block->size, write) < 0)
        err = -errno;
    uint64_t from, to = 0, page = aside_page_size();
    while (!err && aside_next_run(cached, block->size / page, &from, &to))
        err = compare_run(block, place, direct, from * page, (to - from) * page);
    free(cached);
    aside_unmap(block, room);
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
