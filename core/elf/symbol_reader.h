/* SPDX-License-Identifier: Apache-2.0
 * Reading the symbols of ELF files into a symbol table. */
#ifndef TIEXEC_SYMBOL_READER_H
#define TIEXEC_SYMBOL_READER_H

#include "elf/symbol_table.h"

/* What a file has told. */
struct symbol_source {
    bool has_symtab;  /* the file has all its symbols: .symtab */
    int debugdata;    /* .gnu_debugdata: 0 was read or is not there; or -errno of xz_decompress */
};

/* Adds the symbols of a file: .symtab, or else .dynsym and .gnu_debugdata. Returns 0 or -errno:
 * -ENOEXEC: it is no 64-bit ELF file; -EINVAL: its build-id is not `build_id`, which is in
 * hexadecimal; NULL: any will do. */
int symbol_reader_add_file(struct symbol_table *table, const char *path, const char *build_id,
                           struct symbol_source *source);

/* The same for an image that is in memory. */
int symbol_reader_add_image(struct symbol_table *table, const void *bytes, size_t size,
                           struct symbol_source *source);

#endif
