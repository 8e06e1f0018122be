/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GRAIN 16
#ifdef __SANITIZE_ADDRESS__
#define SMALL 0 /* the sanitizer shall see each block */
#else
#define SMALL 256
#endif

static alignas(GRAIN) char arena[1 << 20];
static size_t arena_used;
static void *spare[SMALL / GRAIN + 1]; /* lists of blocks that were given back, by size in grains */

static bool is_in_arena(const char *block)
{
    return block >= arena && block < arena + sizeof arena;
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
    if (sizeof arena - arena_used < n * GRAIN)
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
