/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/places.h"

#include <stdlib.h>

#define FEW        16 /* threads that are searched for from end to end */
#define FIRST_SIZE 128
#define SLOT_LEFT  UINT32_MAX

/* Ids are mostly given one after the other: multiplied by an odd number they are spread. */
static size_t slot_of(const struct places *places, pid_t tid)
{
    return ((uint32_t)tid * UINT32_C(2654435769) >> 7) & (places->size - 1);
}

/* Gives the slot that leads to `tid`; PLACES_NONE: there is none. */
static size_t find_slot(const struct places *places, struct threads table, pid_t tid)
{
    for (size_t at = slot_of(places, tid);; at = (at + 1) & (places->size - 1)) {
        uint32_t slot = places->slots[at];
        if (slot == 0)
            return PLACES_NONE;
        if (slot != SLOT_LEFT && table.list[slot - 1].tid == tid)
            return at;
    }
}

size_t places_find(const struct places *places, struct threads table, pid_t tid)
{
    if (!places->slots) {
        for (size_t i = 0; i < table.count; i++)
            if (table.list[i].tid == tid)
                return i;
        return PLACES_NONE;
    }
    size_t slot = find_slot(places, table, tid);
    return slot == PLACES_NONE ? PLACES_NONE : places->slots[slot] - 1;
}

static void put(struct places *places, pid_t tid, size_t place)
{
    size_t at = slot_of(places, tid);
    while (places->slots[at] != 0)
        at = (at + 1) & (places->size - 1);
    places->slots[at] = (uint32_t)place + 1;
    places->used++;
}

/* Makes slots for all threads of the table, a quarter of them used at most. */
static bool make(struct places *places, struct threads table)
{
    struct places made = {.size = FIRST_SIZE};
    while (made.size < 4 * table.count)
        made.size *= 2;
    made.slots = calloc(made.size, sizeof *made.slots);
    if (!made.slots)
        return false;
    for (size_t i = 0; i < table.count; i++)
        put(&made, table.list[i].tid, i);
    free(places->slots);
    *places = made;
    return true;
}

bool places_add(struct places *places, struct threads table)
{
    if (!places->slots && table.count <= FEW)
        return true;
    if (!places->slots || 2 * (places->used + 1) > places->size)
        return make(places, table);
    put(places, table.list[table.count - 1].tid, table.count - 1);
    return true;
}

void places_remove(struct places *places, struct threads table, size_t place)
{
    if (!places->slots)
        return;
    size_t slot = find_slot(places, table, table.list[place].tid);
    size_t last = find_slot(places, table, table.list[table.count - 1].tid);
    if (last != PLACES_NONE)
        places->slots[last] = (uint32_t)place + 1;
    if (slot != PLACES_NONE)
        places->slots[slot] = SLOT_LEFT;
}

void places_clear(struct places *places)
{
    free(places->slots);
    *places = (struct places){0};
}
