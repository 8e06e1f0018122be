/* SPDX-License-Identifier: Apache-2.0
 * An ELF file's image: what its headers say of how it is mapped. libelf reads the file with read(2)
 * and does not map it, so that a file which is cut short meanwhile cannot raise SIGBUS. */
#ifndef TIEXEC_IMAGE_H
#define TIEXEC_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

/* Reads the headers of the file `path`. Returns 0, and the caller calls image_free; or -errno.
 * -ENOEXEC: it is no ELF file, or its headers contradict the file. */
int image_open(const char *path, struct image *image);

/* The same for an object of whose file only the first bytes are at hand, with the headers. */
int image_from_memory(const void *bytes, size_t size, struct image *image);

void image_free(struct image *image);

/* Tells whether the image is for this CPU and 64-bit, so that a native process can be made of
 * it. */
bool image_is_native(const struct image *image);

#endif
