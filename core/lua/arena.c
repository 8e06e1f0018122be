/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/arena.h"

#include "base/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GRAIN 16
#ifdef __SANITIZE_ADDRESS__
#define SMALL 0 /* the sanitizer shall see each block */
#define LARGE SIZE_MAX
#else
#define SMALL 256
#define LARGE ((size_t)512 << 10)
#endif
#define SPARE_BLOCKS 4                    /* large ones that are kept for the next use */
#define SPARE_SIZE   ((size_t)160 << 20) /* bytes that they may have together */

/* It is no part of the program's data: where memory is limited the program could not be loaded. */
static char *arena; /* NULL: there is none yet, or there is no memory for it */
static size_t arena_size, arena_used;
static bool is_building; /* see arena_build */
static char *built;      /* see arena_adopt */
static size_t built_size;
static void *spare[SMALL / GRAIN + 1]; /* lists of blocks that were given back, by size in grains */

/* Large blocks that were given back, the latest first. A script that reads much memory gets strings
 * of the same size again and again. */
static struct {
    void *start;
    size_t size;
} spare_blocks[SPARE_BLOCKS];
static bool keeps_blocks;

void arena_keep_blocks(void) { keeps_blocks = true; }

static bool is_in_arena(const char *block)
{
    return (block >= arena && block < arena + arena_size) ||
           (block >= built && block < built + built_size);
}

void arena_open(void)
{
    const size_t size = 1 << 20;
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return;
    arena = start;
    arena_size = size;
}

void arena_build(void *start, size_t size)
{
    arena = start;
    arena_size = size;
    is_building = true;
}

void arena_adopt(void *start, size_t size)
{
    built = start;
    built_size = size;
}

static size_t grains(size_t size) { return (size + GRAIN - 1) / GRAIN; }

/* Gives a large block back to the kernel, if there are so many that one must go. */
static void drop_spares(void)
{
    size_t sum = 0;
    for (size_t i = 0; i < SPARE_BLOCKS; i++) {
        sum += spare_blocks[i].size;
        if (spare_blocks[i].start && sum > SPARE_SIZE) {
            pages_unmap(spare_blocks[i].start, spare_blocks[i].size);
            spare_blocks[i].start = NULL;
            spare_blocks[i].size = 0;
        }
    }
}

static void *take_large(size_t size)
{
    size_t whole = pages_size(size);
    for (size_t i = 0; i < SPARE_BLOCKS; i++)
        if (spare_blocks[i].start && spare_blocks[i].size == whole) {
            void *start = spare_blocks[i].start;
            spare_blocks[i].start = NULL;
            spare_blocks[i].size = 0;
            return start;
        }
    return pages_map(size);
}

static void give_large(void *block, size_t size)
{
    size_t last = SPARE_BLOCKS - 1;
    if (!keeps_blocks) {
        pages_unmap(block, size);
        return;
    }
    pages_unmap(spare_blocks[last].start, spare_blocks[last].size);
    memmove(&spare_blocks[1], &spare_blocks[0], last * sizeof spare_blocks[0]);
    spare_blocks[0].start = block;
    spare_blocks[0].size = pages_size(size);
    drop_spares();
}

static void *take_fresh(size_t size)
{
    size_t whole = grains(size) * GRAIN;
    if (arena_size - arena_used < whole)
        return is_building ? NULL : malloc(size);
    arena_used += whole;
    return arena + arena_used - whole;
}

static void *take(size_t size)
{
    if (size > SMALL && is_building)
        return take_fresh(size);
    if (size >= LARGE && arena)
        return take_large(size);
    if (size > SMALL)
        return malloc(size);
    void *block = spare[grains(size)];
    if (!block)
        return take_fresh(size);
    memcpy(&spare[grains(size)], block, sizeof(void *)); /* it begins with the next one's address */
    return block;
}

/* A large block that is part of the program is of no more use. */
static void give(void *block, size_t size)
{
    if (size > SMALL)
        return;
    memcpy(block, &spare[grains(size)], sizeof(void *));
    spare[grains(size)] = block;
}

static void release(void *block, size_t size)
{
    if (is_in_arena(block))
        give(block, size);
    else if (size >= LARGE && arena)
        give_large(block, size);
    else
        free(block);
}

void *arena_allocate(void *context, void *block, size_t old, size_t size)
{
    (void)context;
    if (!block)
        return size ? take(size) : NULL;
    bool large = arena && !is_building && (old >= LARGE || size >= LARGE);
    if (size && !is_in_arena(block) && !large)
        return realloc(block, size);
    if (size && grains(size) == grains(old))
        return block;
    void *other = size ? take(size) : NULL;
    if (size && !other)
        return size < old ? block : NULL; /* Lua expects that shrinking never fails */
    if (size)
        memcpy(other, block, size < old ? size : old);
    release(block, old);
    return other;
}
