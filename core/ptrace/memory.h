/* SPDX-License-Identifier: Apache-2.0
 * The inferior's memory. Addresses are the inferior's; sizes are in bytes.
 *
 * Functions that return an int return 0 or -errno; -EFAULT or -EIO: some of the range is not
 * mapped; -ESRCH: the process is gone, and if another one has its id by now, that is not touched.
 * Software breakpoints are not seen: see traps.h. */
#ifndef TIEXEC_MEMORY_H
#define TIEXEC_MEMORY_H

#include "ptrace/inferior.h"

/* Work on much memory goes piece by piece. A piece is small enough for a second-level cache to hold
 * it with its copy, and large enough that the time of the system calls does not count. */
#define MEMORY_PIECE ((size_t)128 * 1024)

/* Opens /proc/PID/mem anew, as is needed after an exec: the old file belongs to an address space
 * that is gone, and reads 0 bytes. That it cannot be opened is no error: process_vm_readv(2) does
 * most of the work. */
void memory_reopen(struct inferior *inferior);

/* Reads the whole range, or fails. */
int memory_read(struct inferior *inferior, uint64_t address, void *buffer, size_t size);

/* Writes even where the inferior itself may not write, as a debugger must. Of a page of a private
 * mapping that is a file's the kernel makes a copy first. */
int memory_write(struct inferior *inferior, uint64_t address, const void *buffer, size_t size);

/* Read and write what is there, traps included. */
int memory_peek(struct inferior *inferior, uint64_t address, void *buffer, size_t size);
int memory_poke(struct inferior *inferior, uint64_t address, const void *buffer, size_t size);

/* Finds the first place of `pattern` that lies wholly in [address, address + size). -ENOENT: there
 * is none; -EINVAL: the pattern is empty. */
int memory_search(struct inferior *inferior, uint64_t address, uint64_t size, const void *pattern,
                  size_t pattern_size, uint64_t *found);

/* Copies `size` bytes from `from` to `to`, where the inferior itself must be able to write. Each
 * piece is read back and compared while the caches hold it. -EILSEQ: what was read back differs. */
int memory_copy(struct inferior *inferior, uint64_t to, uint64_t from, uint64_t size);

/* Does some work for the part [at, at + size) of a range. Called in several threads at once. 0 or
 * -errno. */
typedef int memory_work(void *context, uint64_t at, uint64_t size);

/* Divides [0, size) among threads, at multiples of MEMORY_PIECE, and waits for all of them. Returns
 * 0 or the -errno of the first part that failed. `work` may read an inferior's memory if
 * memory_reopen was called for it before: else two threads might do so. */
int memory_in_parallel(uint64_t size, memory_work *work, void *context);

#endif
