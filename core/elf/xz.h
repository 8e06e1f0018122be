/* SPDX-License-Identifier: Apache-2.0
 * Data that xz(1) has compressed, as in the sections .gnu_debugdata of ELF files. */
#ifndef TIEXEC_XZ_H
#define TIEXEC_XZ_H

#include <stddef.h>

/* Decompresses `size` bytes. *out is malloc'd by this call and freed by the caller. Returns 0 or
 * -errno: -ELIBACC: liblzma is not installed; -EBADMSG: the data are damaged; -EFBIG: they come to
 * more than 256 MiB, or are cut short. */
int xz_decompress(const void *bytes, size_t size, void **out, size_t *out_size);

#endif
