/* SPDX-License-Identifier: Apache-2.0
 * What the page cache has of a file, by blocks of a huge page each.
 *
 * A page that is cached small stays small until it is dropped and read again. All that is done here
 * is done in this process, on mappings of its own that are gone at the end of each call. */
#ifndef TIEXEC_BLOCKS_H
#define TIEXEC_BLOCKS_H

#include "os/aside.h"

/* What is cached of one block. */
enum block_state {
    BLOCK_ABSENT = '.',  /* nothing */
    BLOCK_PARTIAL = 'p', /* some pages, so small ones */
    BLOCK_SMALL = 's',   /* all of it, on small pages */
    BLOCK_HUGE = 'h',    /* all of it, on a huge page */
};

/* Tells whether all of the blocks is cached, whatever its pages. Returns as below. */
int blocks_are_cached(const struct blocks *blocks, bool *are);

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

/* Tells whether the kernel joins cached pages of this file's text (Linux 6.1, with
 * CONFIG_READ_ONLY_THP_FOR_FS), whatever its filesystem. No page is touched. `blocks` is the file's
 * first block, which need not be there. */
bool blocks_can_collapse(const struct blocks *blocks);

/* Tells whether any process maps pages of the blocks; those could not be dropped. Returns 0 or
 * -errno. */
int blocks_are_mapped(const struct blocks *blocks, bool *are);

#endif
