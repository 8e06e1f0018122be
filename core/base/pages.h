/* SPDX-License-Identifier: Apache-2.0
 * Large blocks of this process's own memory, on huge pages where the kernel gives some: their first
 * use costs a fraction of what malloc's costs, which gets fresh small pages each time. */
#ifndef TIEXEC_PAGES_H
#define TIEXEC_PAGES_H

#include <stddef.h>

/* Gives how many bytes are mapped for `size`. */
size_t pages_size(size_t size);

/* Maps pages_size(size) bytes of zeros. NULL: there is no memory. */
void *pages_map(size_t size);

/* Gives back what pages_map has given for that size. */
void pages_unmap(void *start, size_t size);

#endif
