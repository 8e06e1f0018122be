/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#define SMALL ((size_t)64 * 1024)
#define LARGE ((size_t)2 << 20) /* a huge page of most kernels; with others it is only a guess */

size_t pages_size(size_t size)
{
    size_t unit = size < LARGE ? SMALL : LARGE;
    return size > SIZE_MAX - unit ? 0 : (size + unit - 1) & ~(unit - 1);
}

void *pages_map(size_t size)
{
    size_t whole = pages_size(size), more = whole >= LARGE ? LARGE : 0;
    if (!whole || whole > SIZE_MAX - more)
        return NULL;
    char *start = mmap(NULL, whole + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                       0);
    if (start == MAP_FAILED)
        return NULL;
    if (!more)
        return start;
    size_t skip = -(size_t)(uintptr_t)start & (LARGE - 1);
    if (skip)
        munmap(start, skip);
    munmap(start + skip + whole, more - skip);
    madvise(start + skip, whole, MADV_HUGEPAGE);
    return start + skip;
}

void pages_unmap(void *start, size_t size)
{
    if (start)
        munmap(start, pages_size(size));
}
