/* SPDX-License-Identifier: Apache-2.0
 * Lua's memory in the program. Small blocks come out of one arena while it lasts, and go back to
 * lists by size. Lua tells the size of a block that it gives back, so that a block needs no header,
 * as malloc's have: malloc took a quarter of the time that a start computes. Blocks of half a MiB
 * and more are mappings of their own (pages.h). All other blocks are malloc's. */
#ifndef TIEXEC_ARENA_H
#define TIEXEC_ARENA_H

#include <stddef.h>

/* Gets memory for the arena. Where there is none, all blocks are malloc's. */
void arena_open(void);

/* A lua_Alloc. Blocks that come from malloc are given back to malloc. There is one arena, for one
 * thread at a time. */
void *arena_allocate(void *context, void *block, size_t old, size_t size);

/* From now on all blocks, of every size, come out of `size` bytes at `start`, while they last: for
 * a state that is to be written into the program. */
void arena_build(void *start, size_t size);

/* Blocks in `size` bytes at `start` were got by arena_build when the program was built. */
void arena_adopt(void *start, size_t size);

/* From now on some large blocks that are given back are kept for later use: for scripts, which may
 * read much memory again and again. */
void arena_keep_blocks(void);

#endif
