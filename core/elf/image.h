/* SPDX-License-Identifier: Apache-2.0
 * An ELF file's image: what its headers say of how it is mapped. The file is read with read(2)
 * and not mapped, so that a file which is cut short meanwhile cannot raise SIGBUS. */
#ifndef TIEXEC_IMAGE_H
#define TIEXEC_IMAGE_H

#include "elf/headers.h"

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
