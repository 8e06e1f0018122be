/* SPDX-License-Identifier: Apache-2.0
 * The headers of an ELF file as linkers write them for this CPU, read with few
 * system calls: a start reads those of each library. */
#ifndef TIEXEC_NATIVE_H
#define TIEXEC_NATIVE_H

#include "elf/headers.h"

/* Reads the headers of an open file, of which `image` has the size. Returns 0,
 * and the caller frees the segments; 1: they are of another kind, or lie
 * elsewhere than usual, and nothing was read of them; or -errno. */
int native_read(int fd, struct image *image);

#endif
