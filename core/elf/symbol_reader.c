/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/symbol_reader.h"

#include "elf/open.h"
#include "elf/xz.h"

#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HIDDEN_VERSION 0x8000 /* bit of .gnu.version: not the default version of the name */

/* One symbol table of a file, with what goes with it. */
struct reader {
    Elf *elf;
    Elf_Data *symbols, *versions; /* versions NULL: there are none */
    size_t names;                 /* number of the section with the names */
};

/* Tells where an unsized symbol ends at the latest: with its section. */
static uint64_t end_of_section(Elf *elf, const GElf_Sym *symbol)
{
    GElf_Shdr head;
    Elf_Scn *section = symbol->st_shndx < SHN_LORESERVE ? elf_getscn(elf, symbol->st_shndx) : NULL;
    if (!section || !gelf_getshdr(section, &head))
        return symbol->st_value + 1;
    return head.sh_addr + head.sh_size;
}

/* Ranks a symbol: the default version first, global before weak before local, one of known type and
 * size before a mere label. */
static uint8_t rank_of(const GElf_Sym *symbol, bool hidden)
{
    unsigned binding = GELF_ST_BIND(symbol->st_info), type = GELF_ST_TYPE(symbol->st_info);
    unsigned bound = binding == STB_LOCAL ? 0 : binding == STB_WEAK ? 1 : 2;
    return (uint8_t)((hidden ? 0 : 32) + bound * 8 + (type != STT_NOTYPE ? 2 : 0) +
                     (symbol->st_size ? 1 : 0));
}

/* Tells whether a symbol has an address in the object's memory, and a name for people: not the
 * compiler's labels (.L1) and mapping symbols ($x). */
static bool is_wanted(const GElf_Sym *symbol, const char *name)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    if (type != STT_NOTYPE && type != STT_OBJECT && type != STT_FUNC && type != STT_GNU_IFUNC)
        return false;
    return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && name && *name &&
           *name != '$' && strncmp(name, ".L", 2) != 0;
}

/* Adds a symbol, whose name in .symtab may have a version ("memcpy@@GLIBC_2.14"). */
static int add_symbol(struct symbol_table *table, Elf *elf, const GElf_Sym *symbol,
                      const char *name, bool hidden)
{
    const char *at = strchr(name, '@');
    size_t length = at && at > name ? (size_t)(at - name) : strlen(name);
    if (at && at > name && at[1] != '@')
        hidden = true;
    struct symbol added = {
        .value = symbol->st_value,
        .size = symbol->st_size,
        .end = symbol->st_size ? symbol->st_value + symbol->st_size : end_of_section(elf, symbol),
        .type = GELF_ST_TYPE(symbol->st_info),
        .is_local = GELF_ST_BIND(symbol->st_info) == STB_LOCAL,
        .rank = rank_of(symbol, hidden),
    };
    return symbol_table_add(table, added, name, length);
}

static int add_all(struct symbol_table *table, const struct reader *reader)
{
    GElf_Sym symbol;
    int err = 0;
    for (int i = 0; !err && reader->symbols && gelf_getsym(reader->symbols, i, &symbol); i++) {
        GElf_Versym version = 0;
        const char *name = elf_strptr(reader->elf, reader->names, symbol.st_name);
        if (!is_wanted(&symbol, name))
            continue;
        if (reader->versions)
            gelf_getversym(reader->versions, i, &version);
        err = add_symbol(table, reader->elf, &symbol, name, version & HIDDEN_VERSION);
    }
    return err;
}

/* Finds the first section of a type, and its header; NULL: there is none. */
static Elf_Scn *section_of_type(Elf *elf, GElf_Word type, GElf_Shdr *head)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));)
        if (gelf_getshdr(section, head) && head->sh_type == type)
            return section;
    return NULL;
}

static Elf_Data *data_of(Elf_Scn *section) { return section ? elf_getdata(section, NULL) : NULL; }

static int add_debugdata(struct symbol_table *table, Elf *elf, int *outcome)
{
    GElf_Shdr head;
    size_t names, size;
    void *bytes;
    struct symbol_source inner;
    Elf_Scn *section = NULL;
    if (elf_getshdrstrndx(elf, &names) < 0)
        return 0;
    while ((section = elf_nextscn(elf, section))) {
        const char *name =
            gelf_getshdr(section, &head) ? elf_strptr(elf, names, head.sh_name) : NULL;
        if (name && head.sh_type == SHT_PROGBITS && strcmp(name, ".gnu_debugdata") == 0)
            break;
    }
    Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;
    if (!data || !data->d_buf)
        return 0;
    *outcome = xz_decompress(data->d_buf, data->d_size, &bytes, &size);
    if (*outcome)
        return *outcome == -ENOMEM ? -ENOMEM : 0;
    int err = symbol_reader_add_image(table, bytes, size, &inner);
    free(bytes);
    return err;
}

static int add_elf(struct symbol_table *table, Elf *elf, struct symbol_source *source)
{
    GElf_Shdr head = {0}, versions;
    struct reader reader = {.elf = elf};
    *source = (struct symbol_source){0};
    Elf_Scn *section = section_of_type(elf, SHT_SYMTAB, &head);
    source->has_symtab = section != NULL;
    if (!section) {
        section = section_of_type(elf, SHT_DYNSYM, &head);
        reader.versions = data_of(section_of_type(elf, SHT_GNU_versym, &versions));
    }
    reader.symbols = data_of(section);
    reader.names = head.sh_link;
    int err = add_all(table, &reader);
    return err || source->has_symtab ? err : add_debugdata(table, elf, &source->debugdata);
}

/* Tells whether a section of notes has the build-id whose hexadecimal digits are given. */
static bool has_build_id(Elf_Data *notes, const char *digits)
{
    GElf_Nhdr head;
    size_t name, desc, next = 0;
    while (notes && (next = gelf_getnote(notes, next, &head, &name, &desc)) > 0) {
        const unsigned char *bytes = notes->d_buf;
        if (head.n_type != NT_GNU_BUILD_ID || head.n_namesz != 4 ||
            memcmp(bytes + name, "GNU", 4) != 0 || strlen(digits) != 2 * (size_t)head.n_descsz)
            continue;
        size_t same = 0;
        char two[3];
        for (; same < head.n_descsz; same++) {
            snprintf(two, sizeof two, "%02x", bytes[desc + same]);
            if (memcmp(two, digits + 2 * same, 2) != 0)
                break;
        }
        if (same == head.n_descsz)
            return true;
    }
    return false;
}

/* Tells whether a file has a build-id. The sections are asked: in a debug file the segments lead
 * nowhere. */
static bool is_of_build(Elf *elf, const char *build_id)
{
    GElf_Shdr head;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));)
        if (gelf_getshdr(section, &head) && head.sh_type == SHT_NOTE &&
            has_build_id(elf_getdata(section, NULL), build_id))
            return true;
    return false;
}

int symbol_reader_add_file(struct symbol_table *table, const char *path, const char *build_id,
                           struct symbol_source *source)
{
    Elf *elf = NULL;
    int fd = elf_open(path, &elf);
    if (fd < 0)
        return fd;
    bool fits = !build_id || is_of_build(elf, build_id);
    int err = fits ? add_elf(table, elf, source) : -EINVAL;
    elf_end(elf);
    close(fd);
    return err;
}

int symbol_reader_add_image(struct symbol_table *table, const void *bytes, size_t size,
                           struct symbol_source *source)
{
    elf_version(EV_CURRENT);
    char *copy = malloc(size ? size : 1); /* libelf wants memory that it may write to */
    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, size);
    Elf *elf = elf_memory(copy, size);
    bool known = elf && elf_kind(elf) == ELF_K_ELF && gelf_getclass(elf) == ELFCLASS64;
    int err = known ? add_elf(table, elf, source) : -ENOEXEC;
    elf_end(elf);
    free(copy);
    return err;
}
