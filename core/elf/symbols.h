/* SPDX-License-Identifier: Apache-2.0
 * The symbols of an ELF file: the functions in a range of addresses, as tables for another ELF
 * file; and the symbols that it imports. */
#ifndef TIEXEC_SYMBOLS_H
#define TIEXEC_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbols {
    void *table; /* Elf64_Sym, the first one empty as it must be */
    char *names; /* a string table: each st_name is an offset into it */
    size_t table_size, names_size; /* bytes */
};

/* Reads the functions that lie in [start, stop), from .symtab or else from .dynsym. The first may
 * begin before `start`. The table will say that they are in section number `section`. A file
 * without symbols gives an empty table. Returns 0, and the caller calls symbols_free; or -errno.
 * -ENOEXEC: it is no 64-bit ELF file, or a damaged one. */
int symbols_read(const char *path, uint64_t start, uint64_t stop, unsigned section,
                 struct symbols *symbols);

/* Tells whether a file imports the symbol `name`: 1 or 0, or -errno as above. */
int symbols_import(const char *path, const char *name);

void symbols_free(struct symbols *symbols);

#endif
