/* SPDX-License-Identifier: Apache-2.0
 * The inferior's memory. Addresses are the inferior's; sizes are bytes.
 *
 * Every function returns 0 or -errno; -EFAULT or -EIO: some of the range is not mapped. */
#ifndef TIEXEC_MEMORY_H
#define TIEXEC_MEMORY_H

#include "ptrace/inferior.h"

/* Much memory is worked on in pieces: small enough for a second-level cache to hold one and its copy,
 * large enough that the system calls do not count. */
#define MEMORY_PIECE ((size_t)128 * 1024)

/* Opens /proc/PID/mem anew. After an exec the old one belongs to an address space that is gone, and
 * reads 0 bytes. Its absence is not an error: process_vm_readv(2) does most of the work. */
void memory_reopen(struct inferior *inferior);

int memory_read(struct inferior *inferior, uint64_t address, void *buffer, size_t size);

/* Writes even where the inferior may not, as a debugger must. A private copy of the page is made. */
int memory_write(struct inferior *inferior, uint64_t address, const void *buffer, size_t size);

/* Finds the first place of `pattern` that lies wholly in [address, address + size).
 * -ENOENT: it is not there. */
int memory_search(struct inferior *inferior, uint64_t address, uint64_t size, const void *pattern,
                  size_t pattern_size, uint64_t *found);

/* Copies `size` bytes from `from` to `to`, which must be writable by the inferior itself, reads
 * each piece back and compares it while the caches hold it. -EILSEQ: what was read back differs. */
int memory_copy(struct inferior *inferior, uint64_t to, uint64_t from, uint64_t size);

/* Works on [at, at + size) of a range. Called from several threads at once. */
typedef int memory_work(void *context, uint64_t at, uint64_t size);

/* Divides [0, size) among threads, at multiples of MEMORY_PIECE. The first -errno of any, or 0. `work`
 * may read an inferior's memory if its /proc/PID/mem is open or cannot be opened (memory_reopen). */
int memory_in_parallel(uint64_t size, memory_work *work, void *context);

#endif
