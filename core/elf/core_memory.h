/* SPDX-License-Identifier: Apache-2.0
 * The memory of an inferior, as a core file has it. */
#ifndef TIEXEC_CORE_MEMORY_H
#define TIEXEC_CORE_MEMORY_H

#include "ptrace/inferior.h"

struct core_memory {
    struct inferior *inferior;
    int pagemap;     /* /proc/PID/pagemap; negative: it cannot be read */
    uint64_t unread; /* bytes that could not be read, and are zeros */
};

void core_memory_open(struct inferior *inferior, struct core_memory *memory);

/* A core_reader, whose context is a struct core_memory. Of sparse memory only those pages are read
 * that the process has: to read others would make the kernel give it such pages. */
int core_memory_read(void *context, uint64_t address, void *buffer, size_t size, bool sparse);

void core_memory_close(struct core_memory *memory);

#endif
