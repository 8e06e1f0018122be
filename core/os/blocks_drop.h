/* SPDX-License-Identifier: Apache-2.0
 * Dropping what the page cache has of blocks of a file. */
#ifndef TIEXEC_BLOCKS_DROP_H
#define TIEXEC_BLOCKS_DROP_H

#include "os/aside.h"

/* Drops what is cached of the blocks. A page that has been dropped is gone if the disk has failed
 * since it was read: so what is cached is first written back, read from the medium, through
 * `direct` (see base/direct.h), and compared. Where that fails nothing of the block is dropped.
 * Returns 0 or -errno; -EILSEQ: the medium has other bytes. */
int blocks_drop(const struct blocks *blocks, int direct);

#endif
