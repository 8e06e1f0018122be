/* SPDX-License-Identifier: Apache-2.0
 * What is known of an ELF file by its headers. */
#ifndef TIEXEC_HEADERS_H
#define TIEXEC_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One program header; the fields have the names of <elf.h>. */
struct segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, filesz, memsz, align;
};

struct image {
    int class;         /* ELFCLASS64 or ELFCLASS32 */
    unsigned machine;  /* EM_… */
    unsigned type;     /* ET_EXEC, ET_DYN, … */
    uint64_t entry;
    uint64_t device, inode, size; /* of the file; 0 for an image in memory */
    bool text_relocations;        /* DT_TEXTREL, or DF_TEXTREL in DT_FLAGS */
    unsigned needed;              /* how many libraries it names (DT_NEEDED) */
    struct segment *segments;
    size_t segment_count;
    char build_id[2 * 64 + 1]; /* hexadecimal, "" when there is none */
};

#endif
