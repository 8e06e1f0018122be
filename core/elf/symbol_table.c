/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/symbol_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_BACK 64 /* symbols before an address that may contain it */

static int grow(void **list, size_t *room, size_t wanted, size_t each)
{
    if (wanted <= *room)
        return 0;
    size_t more = *room ? 2 * *room : 1024;
    while (more < wanted)
        more *= 2;
    void *grown = reallocarray(*list, more, each);
    if (!grown)
        return -ENOMEM;
    *list = grown;
    *room = more;
    return 0;
}

int symbol_table_add(struct symbol_table *table, struct symbol symbol, const char *name,
                     size_t length)
{
    if (table->names_size + length + 1 > UINT32_MAX)
        return -E2BIG;
    void *list = table->list, *names = table->names;
    int err = grow(&list, &table->room, table->count + 1, sizeof *table->list);
    table->list = list;
    if (!err)
        err = grow(&names, &table->names_room, table->names_size + length + 1, 1);
    table->names = names;
    if (err)
        return err;
    memcpy(table->names + table->names_size, name, length);
    table->names[table->names_size + length] = '\0';
    symbol.name = (uint32_t)table->names_size;
    table->list[table->count++] = symbol;
    table->names_size += length + 1;
    free(table->by_name); /* of what was there before */
    table->by_name = NULL;
    table->is_sorted = false;
    return 0;
}

static const char *name_of(const struct symbol_table *table, const struct symbol *symbol)
{
    return table->names + symbol->name;
}

/* Orders symbols by value; of equal ones the better one comes last. Where rank does not tell, that
 * is the one with fewer underscores before it, and then the one that comes first in the
 * alphabet. */
static int compare(const void *left, const void *right, void *context)
{
    const struct symbol_table *table = context;
    const struct symbol *a = left, *b = right;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    const char *name = name_of(table, a), *other = name_of(table, b);
    size_t bars = strspn(name, "_"), others = strspn(other, "_");
    return bars != others ? (bars > others ? -1 : 1) : strcmp(other, name);
}

static size_t hash(const char *name)
{
    uint64_t value = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *name; name++)
        value = (value ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return (size_t)(value ^ value >> 32);
}

/* Gives the place of a name in the hashed table, which may be an empty one. */
static uint32_t *place_of(const struct symbol_table *table, const char *name)
{
    size_t mask = table->by_name_size - 1, i = hash(name) & mask;
    while (table->by_name[i] &&
           strcmp(name_of(table, &table->list[table->by_name[i] - 1]), name) != 0)
        i = (i + 1) & mask;
    return &table->by_name[i];
}

static void sort(struct symbol_table *table)
{
    if (table->count && !table->is_sorted)
        qsort_r(table->list, table->count, sizeof *table->list, compare, table);
    table->is_sorted = true;
}

/* Sorts the symbols, and hashes their names, if that is not done yet. */
static int make_ready(struct symbol_table *table)
{
    if (table->by_name)
        return 0;
    size_t size = 16;
    while (size < 2 * table->count)
        size *= 2;
    table->by_name = calloc(size, sizeof *table->by_name);
    if (!table->by_name)
        return -ENOMEM;
    table->by_name_size = size;
    sort(table);
    for (size_t i = 0; i < table->count; i++) {
        uint32_t *place = place_of(table, name_of(table, &table->list[i]));
        if (!*place || table->list[*place - 1].rank < table->list[i].rank)
            *place = (uint32_t)i + 1;
    }
    return 0;
}

int symbol_table_find(struct symbol_table *table, const char *name, const struct symbol **found)
{
    int err = make_ready(table);
    if (err)
        return err;
    uint32_t number = *place_of(table, name);
    *found = number ? &table->list[number - 1] : NULL;
    return 0;
}

int symbol_table_at(struct symbol_table *table, uint64_t address, const struct symbol **found)
{
    sort(table);
    size_t low = 0, high = table->count;
    while (low < high) { /* the first symbol that begins after the address */
        size_t middle = low + (high - low) / 2;
        *(table->list[middle].value <= address ? &low : &high) =
            table->list[middle].value <= address ? middle + 1 : middle;
    }
    *found = NULL;
    uint64_t nearest = low ? table->list[low - 1].value : 0;
    for (size_t i = low; i > 0 && low - i < LOOK_BACK && !*found; i--) {
        const struct symbol *symbol = &table->list[i - 1];
        bool reaches = symbol->size || symbol->value == nearest;
        if (reaches && (address < symbol->end || address == symbol->value))
            *found = symbol;
    }
    return 0;
}

void symbol_table_free(struct symbol_table *table)
{
    free(table->list);
    free(table->names);
    free(table->by_name);
    *table = (struct symbol_table){0};
}
