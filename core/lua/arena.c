/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GRAIN 16
#ifdef __SANITIZE_ADDRESS__
#define SMALL 0 /* the sanitizer shall see each block */
#else
#define SMALL 256
#endif

/* It is no part of the program's data: where memory is limited the program could not be loaded. */
static char *arena; /* NULL: there is none yet, or there is no memory for it */
static size_t arena_size, arena_used;
static void *spare[SMALL / GRAIN + 1]; /* lists of blocks that were given back, by size in grains */

static bool is_in_arena(const char *block)
{
    return block >= arena && block < arena + arena_size;
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

static size_t grains(size_t size) { return (size + GRAIN - 1) / GRAIN; }

static void *take(size_t size)
{
    size_t n = grains(size);
    if (size > SMALL)
        return malloc(size);
    void *block = spare[n];
    if (block) { /* a spare block begins with the address of the next one */
        memcpy(&spare[n], block, sizeof(void *));
        return block;
    }
    if (arena_size - arena_used < n * GRAIN)
        return malloc(size);
    arena_used += n * GRAIN;
    return arena + arena_used - n * GRAIN;
}

static void give(void *block, size_t size)
{
    memcpy(block, &spare[grains(size)], sizeof(void *));
    spare[grains(size)] = block;
}

void *arena_allocate(void *context, void *block, size_t old, size_t size)
{
    (void)context;
    if (block && !is_in_arena(block)) {
        void *same = size ? realloc(block, size) : NULL;
        if (!size)
            free(block);
        return same;
    }
    if (!block)
        return size ? take(size) : NULL;
    if (size && grains(size) == grains(old))
        return block;
    void *other = size ? take(size) : NULL;
    if (size && !other)
        return size < old ? block : NULL; /* Lua expects that shrinking never fails */
    if (size)
        memcpy(other, block, size < old ? size : old);
    give(block, old);
    return other;
}
