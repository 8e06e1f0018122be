/* SPDX-License-Identifier: Apache-2.0
 * The function symbols of an ELF file: those of a range of addresses, as tables for another one, and what it
 * imports. */
#ifndef TIEXEC_SYMBOLS_H
#define TIEXEC_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbols {
    void *table; /* Elf64_Sym, the first one empty as it must be */
    char *names; /* what their st_name are offsets into */
    size_t table_size, names_size;
};

/* Reads those with addresses in [start, stop), from .symtab or else .dynsym; they are said to be in
 * section number `section`. The first may begin before `start`. A file without any gives an empty table. Ended by symbols_free.
 * 0 or -errno; -ENOEXEC: not an ELF file, or a damaged one. */
int symbols_read(const char *path, uint64_t start, uint64_t stop, unsigned section,
                 struct symbols *symbols);

/* Whether a file asks others for the symbol `name`: 1 or 0, or -errno as above. */
int symbols_import(const char *path, const char *name);

void symbols_free(struct symbols *symbols);

#endif
