/* SPDX-License-Identifier: Apache-2.0
 * The symbols of an object by name and by address: functions and data. Addresses are those of the
 * file, without a load bias. */
#ifndef TIEXEC_SYMBOL_TABLE_H
#define TIEXEC_SYMBOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
    uint64_t value, size; /* size 0: it is not known */
    uint64_t end;         /* where the symbol ends, or where its section does */
    uint32_t name;        /* offset in `names` of the table */
    uint8_t type;         /* STT_FUNC, STT_OBJECT, STT_GNU_IFUNC or STT_NOTYPE */
    bool is_local;        /* STB_LOCAL */
    uint8_t rank;         /* of two that are equal the one of higher rank is the better */
};

struct symbol_table {
    struct symbol *list; /* in order of value and rank, once the table is used */
    size_t count, room;
    bool is_sorted;
    char *names;
    size_t names_size, names_room;
    uint32_t *by_name; /* hashed: number of a symbol plus one; 0: empty; NULL: not made yet */
    size_t by_name_size;
};

/* Adds a symbol; its `name` is set to where the first `length` bytes of `name` are kept. The table
 * begins as {NULL}. Returns 0, -ENOMEM, or -E2BIG: the names are more than 4 GiB. */
int symbol_table_add(struct symbol_table *table, struct symbol symbol, const char *name,
                     size_t length);

/* Finds a symbol by its name, without a version: the default one of several versions, and a global
 * one before a local one. *found NULL: there is none. Returns 0 or -ENOMEM. */
int symbol_table_find(struct symbol_table *table, const char *name, const struct symbol **found);

/* Finds the symbol that an address lies in. A symbol of unknown size reaches to the next one.
 * Returns 0. */
int symbol_table_at(struct symbol_table *table, uint64_t address, const struct symbol **found);

void symbol_table_free(struct symbol_table *table);

#endif
