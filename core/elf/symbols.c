/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/symbols.h"

#include "elf/open.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A symbol table, and the range whose symbols are wanted. */
struct source {
    Elf *elf;
    Elf_Data *data; /* of the table; NULL: the file has none */
    size_t names;   /* number of the section with the names */
    uint64_t start, stop;
};

/* Finds the symbol table: .symtab, or else .dynsym, which has fewer symbols. */
static void find_table(struct source *source)
{
    Elf_Scn *section = NULL, *found = NULL;
    GElf_Shdr head;
    GElf_Word type = SHT_NULL;
    while (type != SHT_SYMTAB && (section = elf_nextscn(source->elf, section))) {
        if (!gelf_getshdr(section, &head))
            continue;
        if (head.sh_type == SHT_SYMTAB || (head.sh_type == SHT_DYNSYM && !found)) {
            found = section;
            type = head.sh_type;
            source->names = head.sh_link;
        }
    }
    source->data = found ? elf_getdata(found, NULL) : NULL;
}

/* Reads symbol number `i` and gives its name; "": it is not wanted; NULL: there are no more. */
static const char *next_symbol(const struct source *source, int i, GElf_Sym *symbol)
{
    if (!source->data || !gelf_getsym(source->data, i, symbol))
        return NULL;
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    if ((type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC) ||
        symbol->st_shndx == SHN_UNDEF || symbol->st_value >= source->stop ||
        (symbol->st_value < source->start && symbol->st_size <= source->start - symbol->st_value))
        return "";
    const char *name = elf_strptr(source->elf, source->names, symbol->st_name);
    return name ? name : "";
}

/* Copies the symbols that are wanted, in two passes: the first one counts. The second one may find
 * more, where names could not be read at first: they are left out. */
static int collect(const struct source *source, unsigned section, struct symbols *symbols)
{
    GElf_Sym symbol;
    const char *name;
    size_t count = 1, names = 1;
    for (int i = 0; (name = next_symbol(source, i, &symbol)); i++) {
        count += *name != '\0';
        names += *name ? strlen(name) + 1 : 0;
    }
    Elf64_Sym *out = calloc(count, sizeof *out);
    char *text = calloc(names, 1);
    symbols->table = out;
    symbols->names = text;
    symbols->table_size = count * sizeof *out;
    symbols->names_size = names;
    if (!out || !text)
        return -ENOMEM;
    names = 1;
    for (int i = 0; (name = next_symbol(source, i, &symbol)); i++) {
        size_t length = strlen(name) + 1;
        bool has_room = out + 1 < (Elf64_Sym *)symbols->table + count &&
                        length <= symbols->names_size - names;
        if (!*name || !has_room)
            continue;
        memcpy(text + names, name, length);
        *++out = (Elf64_Sym){
            .st_name = (Elf64_Word)names,
            .st_info = GELF_ST_INFO(STB_GLOBAL, STT_FUNC),
            .st_shndx = (Elf64_Section)section,
            .st_value = symbol.st_value,
            .st_size = symbol.st_size,
        };
        names += length;
    }
    return 0;
}

int symbols_read(const char *path, uint64_t start, uint64_t stop, unsigned section,
                 struct symbols *symbols)
{
    *symbols = (struct symbols){0};
    struct source source = {.start = start, .stop = stop};
    int fd = elf_open(path, &source.elf);
    if (fd < 0)
        return fd;
    find_table(&source);
    int err = collect(&source, section, symbols);
    elf_end(source.elf);
    close(fd);
    if (err)
        symbols_free(symbols);
    return err;
}

/* Tells whether a symbol table has an undefined symbol of that name. */
static bool imports(Elf *elf, const GElf_Shdr *head, Elf_Data *data, const char *name)
{
    GElf_Sym symbol;
    for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
        if (symbol.st_shndx != SHN_UNDEF)
            continue;
        const char *text = elf_strptr(elf, head->sh_link, symbol.st_name);
        if (text && strcmp(text, name) == 0)
            return true;
    }
    return false;
}

int symbols_import(const char *path, const char *name)
{
    Elf *elf = NULL;
    GElf_Shdr head;
    int fd = elf_open(path, &elf);
    if (fd < 0)
        return fd;
    bool found = false;
    for (Elf_Scn *section = NULL; !found && (section = elf_nextscn(elf, section));)
        if (gelf_getshdr(section, &head) && head.sh_type == SHT_DYNSYM)
            found = imports(elf, &head, elf_getdata(section, NULL), name);
    elf_end(elf);
    close(fd);
    return found;
}

void symbols_free(struct symbols *symbols)
{
    free(symbols->table);
    free(symbols->names);
    *symbols = (struct symbols){0};
}
