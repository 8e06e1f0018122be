/* SPDX-License-Identifier: Apache-2.0
 * What the page cache has of a file, by blocks of a huge page each.
 *
 * A page that is cached small stays small until it is dropped and read again. All that is done here
 * is done in this process, on mappings of its own that are gone at the end of each call. */
#ifndef TIEXEC_BLOCKS_H
#define TIEXEC_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole blocks of a file. `huge` is the size of a huge page, of which `offset` and `size` are
 * multiples. */
struct blocks {
    int fd;
    uint64_t offset, size, huge;
};

/* What is cached of one block. */
enum block_state {
    BLOCK_ABSENT = '.',  /* nothing */
    BLOCK_PARTIAL = 'p', /* some pages, so small ones */
    BLOCK_SMALL = 's',   /* all of it, on small pages */
    BLOCK_HUGE = 'h',    /* all of it, on a huge page */
};

/* Tells the state of each block, in `states`. Nothing is read from the disk. Returns 0 or -errno;
 * -EPERM: the kernel does not tell this user what is cached of this file. */
int blocks_look(const struct blocks *blocks, char states[]);

/* Reads what is not cached: a block of which nothing is cached is read onto a huge page, if the
 * filesystem can have them. Nothing beyond the blocks is read. `states` tells of each block whether
 * it is BLOCK_HUGE or BLOCK_SMALL now. Returns 0 or -errno; -EFAULT: the file cannot be read. */
int blocks_read(const struct blocks *blocks, char states[]);

/* Joins cached pages to huge ones where the kernel can do so for files (MADV_COLLAPSE). Returns 0
 * or -errno. */
int blocks_collapse(const struct blocks *blocks);

/* Tells whether any process maps pages of the blocks; those could not be dropped. Returns 0 or
 * -errno. */
int blocks_are_mapped(const struct blocks *blocks, bool *are);

/* Drops what is cached of the blocks. A page that has been dropped is gone if the disk has failed
 * since it was read: so what is cached is first written back, read from the medium, through
 * `direct` (see base/direct.h), and compared. Where that fails nothing of the block is dropped.
 * Returns 0 or -errno; -EILSEQ: the medium has other bytes. */
int blocks_drop(const struct blocks *blocks, int direct);

#endif
