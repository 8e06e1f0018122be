/* SPDX-License-Identifier: Apache-2.0
 * An ELF file's image: what its headers say of how it is mapped. Read with libelf, by read(2) alone,
 * so that a file which shrinks meanwhile cannot raise SIGBUS. */
#ifndef TIEXEC_IMAGE_H
#define TIEXEC_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One program header, as <elf.h> names the fields. */
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
    struct segment *segments;
    size_t segment_count;
    char build_id[2 * 64 + 1]; /* hexadecimal, "" when there is none */
};

/* Reads the headers of `path`. -ENOEXEC: not ELF, or its headers contradict the file. */
int image_open(const char *path, struct image *image);

/* The same from the first bytes of a mapped object: headers without the rest of the file. */
int image_from_memory(const void *bytes, size_t size, struct image *image);

void image_free(struct image *image);

/* Whether a native process can be made of it: this CPU, 64-bit. */
bool image_is_native(const struct image *image);

#endif
