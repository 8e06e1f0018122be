/* SPDX-License-Identifier: Apache-2.0
 * Pages larger than the base page and smaller than the PMD's. Neither smaps nor PAGEMAP_SCAN tells
 * of them, so this file looks at where pages lie in physical memory. */
#ifndef TIEXEC_FOLIOS_H
#define TIEXEC_FOLIOS_H

#include <stdint.h>
#include <sys/types.h>

/* Divides [start, stop) of process `pid` into blocks of `size` bytes, at addresses that are
 * multiples of `size`, and adds up the bytes of those blocks that lie within one page (a folio) of
 * at least that size. `size` is a power of two and at least the base page's size. Returns 0 or
 * -errno; -EPERM or -EACCES: the caller lacks CAP_SYS_ADMIN. */
int folios_bytes(pid_t pid, uint64_t start, uint64_t stop, uint64_t size, uint64_t *bytes);

#endif
