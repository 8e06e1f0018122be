/* SPDX-License-Identifier: Apache-2.0
 * Symbol tables of ELF files. The tables that are made must be in order themselves. */
#include "elf/symbols.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const struct symbols *symbols)
{
    const Elf64_Sym *table = symbols->table;
    size_t count = symbols->table_size / sizeof *table;
    for (size_t i = 0; i < count; i++)
        if (table[i].st_name >= symbols->names_size)
            abort();
    if (symbols->names_size && symbols->names[symbols->names_size - 1])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static int fd = -1;
    static char path[64];
    struct symbols symbols;
    if (fd < 0) {
        fd = memfd_create("symbols", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) || pwrite(fd, bytes, size, 0) != (ssize_t)size)
        abort();
    if (symbols_read(path, 0x1000, UINT64_MAX, 1, &symbols) == 0) {
        check(&symbols);
        symbols_free(&symbols);
    }
    symbols_import(path, "ptrace");
    return 0;
}
