/* SPDX-License-Identifier: Apache-2.0
 * Opening ELF files with libelf. */
#ifndef TIEXEC_ELF_OPEN_H
#define TIEXEC_ELF_OPEN_H

#include <libelf.h>

/* Opens a 64-bit ELF file, to be read with read(2) as in image.h. Returns its descriptor, which the
 * caller closes after elf_end(*elf); or -errno. -ENOEXEC: it is no such file. */
int elf_open(const char *path, Elf **elf);

#endif
