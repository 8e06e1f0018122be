/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/differences.h"

#include "ptrace/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096 /* bytes that are compared at once, most of which are the same */

/* Adds [address, address + size), to the last range if that ends there. */
static int add(struct differences *found, uint64_t address, uint64_t size)
{
    struct snapshot_range *last = found->count ? &found->list[found->count - 1] : NULL;
    if (last && last->address + last->size == address) {
        last->size += size;
        return 0;
    }
    if (found->count == found->room) {
        size_t room = found->room ? 2 * found->room : 64;
        struct snapshot_range *list = reallocarray(found->list, room, sizeof *list);
        if (!list)
            return -ENOMEM;
        found->list = list;
        found->room = room;
    }
    found->list[found->count++] = (struct snapshot_range){address, size};
    return 0;
}

/* Gives how many bytes from `address` on to take at a time: up to a multiple of `step`. */
static size_t part(uint64_t address, uint64_t left, uint64_t step)
{
    uint64_t size = step - (address & (step - 1));
    return (size_t)(size < left ? size : left);
}

/* Compares `size` bytes at `address`, grain by grain. */
static int compare(uint64_t address, const char *was, const char *is, size_t size, uint64_t grain,
                   struct differences *found)
{
    int err = 0;
    for (size_t at = 0, next; at < size && !err; at = next) {
        next = at + part(address + at, size - at, grain);
        if (memcmp(was + at, is + at, next - at) != 0)
            err = add(found, address + at, next - at);
    }
    return err;
}

/* Compares a piece. Blocks without a difference are passed over; no grain lies in two blocks. */
static int compare_piece(uint64_t address, const char *was, const char *is, size_t size,
                         uint64_t grain, struct differences *found)
{
    uint64_t step = grain > BLOCK ? grain : BLOCK;
    int err = 0;
    for (size_t at = 0, n; at < size && !err; at += n) {
        n = part(address + at, size - at, step);
        if (memcmp(was + at, is + at, n) != 0)
            err = compare(address + at, was + at, is + at, n, grain, found);
    }
    return err;
}

/* Compares one range, of which the snapshot has the bytes `was`. */
static int compare_range(struct inferior *inferior, const struct snapshot_range *range,
                         const char *was, uint64_t grain, struct differences *found)
{
    char *piece = malloc(MEMORY_PIECE);
    int err = piece ? 0 : -ENOMEM;
    size_t n;
    for (uint64_t at = 0; at < range->size && !err; at += n) {
        n = part(range->address + at, range->size - at, MEMORY_PIECE);
        err = memory_read(inferior, range->address + at, piece, n);
        if (!err)
            err = compare_piece(range->address + at, was + at, piece, n, grain, found);
    }
    free(piece);
    return err;
}

int differences_find(struct inferior *inferior, const struct snapshot *snapshot, uint64_t grain,
                     struct differences *found)
{
    const char *was = snapshot->bytes;
    int err = 0;
    *found = (struct differences){0};
    for (size_t i = 0; i < snapshot->count && !err; i++) {
        err = compare_range(inferior, &snapshot->ranges[i], was, grain, found);
        was += snapshot->ranges[i].size;
    }
    if (err)
        free(found->list);
    return err;
}
