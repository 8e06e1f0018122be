/* SPDX-License-Identifier: Apache-2.0
 * The sizes of huge pages, before the C library: proc/host.h tells more of them. */
#ifndef TIEXEC_FRONT_PAGES_H
#define TIEXEC_FRONT_PAGES_H

#include <stdint.h>

/* Gives the size of the smallest pages that text could get, where the base page has `page` bytes;
 * 0: this kernel tells of none. A run of base pages that the TLB holds as one entry counts, unless
 * the host gives out no such pages. */
uint64_t pages_smallest(uint64_t page);

#endif
