/* SPDX-License-Identifier: Apache-2.0
 * Pages larger than the base page and smaller than the PMD's, of which neither smaps nor PAGEMAP_SCAN tells: by where
 * they lie in physical memory. */
#ifndef TIEXEC_FOLIOS_H
#define TIEXEC_FOLIOS_H

#include <stdint.h>
#include <sys/types.h>

/* Bytes of [start, stop), in whole blocks of `size` bytes at multiples of it, that lie each within one page of at
 * least that size (a folio). `size`: a power of two, at least the base page.
 * 0 or -errno; -EPERM, -EACCES: where pages lie in physical memory is for CAP_SYS_ADMIN to know. */
int folios_bytes(pid_t pid, uint64_t start, uint64_t stop, uint64_t size, uint64_t *bytes);

#endif
