/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/traps.h"

#include <string.h>

#define INSN sizeof arch_trap_insn

/* Gives the index of the first trap at or after an address. */
static size_t lower_bound(const struct inferior *inferior, uint64_t address)
{
    size_t low = 0, high = inferior->trap_list.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (inferior->traps[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct trap *traps_find(const struct inferior *inferior, uint64_t address)
{
    size_t i = lower_bound(inferior, address);
    bool found = i < inferior->trap_list.count && inferior->traps[i].address == address;
    return found ? &inferior->traps[i] : NULL;
}

struct trap *traps_add(struct inferior *inferior, uint64_t address)
{
    struct list *list = &inferior->trap_list;
    struct trap *traps = inferior_grow(inferior->traps, list, sizeof *traps);
    if (!traps)
        return NULL;
    inferior->traps = traps;
    size_t i = lower_bound(inferior, address);
    memmove(&traps[i + 1], &traps[i], (list->count - i) * sizeof *traps);
    list->count++;
    traps[i] = (struct trap){.address = address};
    return &traps[i];
}

void traps_drop_unused(struct inferior *inferior)
{
    size_t kept = 0;
    for (size_t i = 0; i < inferior->trap_list.count; i++)
        if (inferior->traps[i].references || inferior->traps[i].planted)
            inferior->traps[kept++] = inferior->traps[i];
    inferior->trap_list.count = kept;
}

/* Where a trap and a range have bytes in common. */
struct overlap {
    size_t in_trap, in_range, size;
};

/* Finds the overlap of a range and the trap number `i`; false: there is none, nor with any further
 * trap. */
static bool overlap_of(const struct inferior *inferior, size_t i, uint64_t address, size_t size,
                       struct overlap *overlap)
{
    if (i >= inferior->trap_list.count)
        return false;
    uint64_t at = inferior->traps[i].address;
    if (at >= address) {
        if (at - address >= size)
            return false;
        *overlap = (struct overlap){0, (size_t)(at - address), INSN};
    } else {
        *overlap = (struct overlap){(size_t)(address - at), 0, INSN - (size_t)(address - at)};
    }
    if (overlap->size > size - overlap->in_range)
        overlap->size = size - overlap->in_range;
    return true;
}

/* Gives the index of the first trap that may overlap a range. */
static size_t first_of(const struct inferior *inferior, uint64_t address)
{
    return lower_bound(inferior, address < INSN ? 0 : address - INSN + 1);
}

bool traps_overlap(const struct inferior *inferior, uint64_t address, size_t size)
{
    struct overlap overlap;
    if (inferior->trap_list.count == 0)
        return false;
    for (size_t i = first_of(inferior, address); overlap_of(inferior, i, address, size, &overlap);
         i++)
        if (inferior->traps[i].planted)
            return true;
    return false;
}

/* Replaces parts of bytes that are `from` by those of `to`. */
static void replace(uint8_t *at, const uint8_t *from, const uint8_t *to, size_t size)
{
    if (memcmp(at, from, size) == 0)
        memcpy(at, to, size);
}

void traps_hide(const struct inferior *inferior, uint64_t address, void *bytes, size_t size)
{
    struct overlap o;
    if (inferior->trap_list.count == 0)
        return;
    for (size_t i = first_of(inferior, address); overlap_of(inferior, i, address, size, &o); i++)
        if (inferior->traps[i].planted)
            replace((uint8_t *)bytes + o.in_range, arch_trap_insn + o.in_trap,
                    inferior->traps[i].original + o.in_trap, o.size);
}

void traps_show(const struct inferior *inferior, uint64_t address, void *bytes, size_t size)
{
    struct overlap o;
    for (size_t i = first_of(inferior, address); overlap_of(inferior, i, address, size, &o); i++)
        if (inferior->traps[i].planted)
            memcpy((uint8_t *)bytes + o.in_range, arch_trap_insn + o.in_trap, o.size);
}

void traps_note(const struct inferior *inferior, uint64_t address, const void *bytes, size_t size)
{
    struct overlap o;
    for (size_t i = first_of(inferior, address); overlap_of(inferior, i, address, size, &o); i++)
        if (inferior->traps[i].planted)
            memcpy(inferior->traps[i].original + o.in_trap, (const uint8_t *)bytes + o.in_range,
                   o.size);
}
