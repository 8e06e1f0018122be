/* SPDX-License-Identifier: Apache-2.0 */
#include "os/aside.h"

#include "base/madvise.h"

#include <errno.h>
#include <unistd.h>

uint64_t aside_page_size(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }

char *aside_map(const struct blocks *blocks, int protection, int advice, char **room)
{
    size_t total = blocks->size + blocks->huge;
    *room = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (*room == MAP_FAILED)
        return NULL;
    char *place = *room + (-(uintptr_t)*room & (blocks->huge - 1));
    if (mmap(place, blocks->size, protection, MAP_PRIVATE | MAP_FIXED, blocks->fd,
             (off_t)blocks->offset) != MAP_FAILED &&
        madvise(place, blocks->size, advice) == 0)
        return place;
    int err = errno;
    munmap(*room, total);
    errno = err;
    return NULL;
}

void aside_unmap(const struct blocks *blocks, char *room)
{
    munmap(room, blocks->size + blocks->huge);
}

int aside_populate(char *place, uint64_t size)
{
    int result;
    do
        result = madvise(place, size, MADV_POPULATE_READ);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int aside_cached(char *place, uint64_t size, unsigned char cached[])
{
    return mincore(place, size, cached) < 0 ? -errno : 0;
}

bool aside_next_run(const unsigned char cached[], uint64_t pages, uint64_t *from, uint64_t *to)
{
    for (*from = *to; *from < pages && !(cached[*from] & 1);)
        ++*from;
    for (*to = *from; *to < pages && (cached[*to] & 1);)
        ++*to;
    return *from < *to;
}
