/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/place.h"

#include <string.h>

/* Tells whether two mappings are of one file. */
static bool are_of_one(const struct mapping *a, const struct mapping *b)
{
    return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/* [vdso] and [vvar], which may lie in a hole of the program. */
static bool is_kernels(const struct mapping *mapping)
{
    return mapping->inode == 0 && mapping->path[0] == '[' && strcmp(mapping->path, "[heap]") != 0;
}

/* Finds the first mapping of the executable, of which it has one. The device in maps is not that of
 * stat(2) on every filesystem. */
static const struct mapping *find_first(const struct maps *maps, const struct stat *executable)
{
    size_t i = 0;
    while (i < maps->count && maps->list[i].inode != executable->st_ino)
        i++;
    return i < maps->count ? &maps->list[i] : NULL;
}

static bool is_same(const struct mapping *mapping, const struct steps_mapping *kept, uint64_t base,
                    const struct mapping *first)
{
    return mapping->start - base == kept->start && mapping->stop - base == kept->stop &&
           mapping->offset == kept->offset && !memcmp(mapping->perms, kept->perms, 4) &&
           (kept->is_file ? are_of_one(mapping, first) : mapping->inode == 0);
}

/* Tells whether the mappings from the first one on are those that are kept, all of the executable
 * and no others. */
static bool are_same(const struct steps *steps, const struct maps *maps,
                     const struct mapping *first, uint64_t base)
{
    const struct mapping *at = first, *end = maps->list + maps->count;
    size_t kept = 0;
    for (; at < end && kept < steps->mapping_count; at++)
        if (!is_kernels(at) && !is_same(at, &steps->mappings[kept++], base, first))
            return false;
    while (at < end && !are_of_one(at, first))
        at++;
    return kept == steps->mapping_count && at == end;
}

/* Finds the place to which the program was moved then, if it was. There its text must be where the
 * pages of its file can be huge. */
static bool find_new(const struct steps *steps, struct place *place)
{
    uint64_t old = place->bases[STEP_OLD], more = (old + steps->congruence) % steps->huge;
    place->bases[STEP_NEW] = old;
    if (steps->is_moved) {
        if (more == 0 || more % steps->alignment || old < steps->distance + more)
            return false;
        place->bases[STEP_NEW] -= steps->distance + more;
    }
    return (place->bases[STEP_NEW] + steps->text_start - steps->text_offset) % steps->huge == 0;
}

static bool find_stack(const struct maps *maps, uint64_t sp, struct place *place)
{
    place->stack_stop = 0;
    for (size_t i = 0; i < maps->count && !place->stack_stop; i++)
        if (maps->list[i].start <= sp && sp < maps->list[i].stop)
            place->stack_stop = maps->list[i].stop;
    return place->stack_stop != 0;
}

bool place_find(const struct steps *steps, const struct maps *maps, const struct stat *executable,
                uint64_t sp, struct place *place)
{
    const struct mapping *first = find_first(maps, executable);
    if (!first || !find_stack(maps, sp, place))
        return false;
    uint64_t base = first->start - steps->mappings[0].start;
    place->bases[STEP_NUMBER] = place->bases[STEP_FILE] = place->bases[STEP_ASIDE] = 0;
    place->bases[STEP_OLD] = base;
    bool may_be = !steps->is_fixed || base == 0;
    return may_be && are_same(steps, maps, first, base) && find_new(steps, place);
}
