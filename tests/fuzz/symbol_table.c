/* SPDX-License-Identifier: Apache-2.0
 * Any bytes, as an ELF file whose symbols are looked up. */
#include "elf/symbol_reader.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct symbol_table *table, const struct symbol *symbol)
{
    if (symbol && (symbol < table->list || symbol >= table->list + table->count ||
                   symbol->name >= table->names_size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct symbol_table table = {NULL};
    struct symbol_source source;
    const struct symbol *found;
    if (symbol_reader_add_image(&table, bytes, size, &source) == 0) {
        for (size_t i = 0; i < table.count && i < 64; i++) {
            uint64_t value = table.list[i].value;
            if (symbol_table_at(&table, value, &found))
                abort();
            check(&table, found);
        }
        for (size_t i = 0; i < table.count && i < 64; i++) {
            const char *name = table.names + table.list[i].name;
            if (symbol_table_find(&table, name, &found) || !found ||
                strcmp(table.names + found->name, name) != 0)
                abort();
            check(&table, found);
        }
        if (symbol_table_at(&table, UINT64_MAX, &found))
            abort();
        check(&table, found);
    }
    symbol_table_free(&table);
    return 0;
}
