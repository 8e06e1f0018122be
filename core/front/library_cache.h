/* SPDX-License-Identifier: Apache-2.0
 * The dynamic linker's list of libraries, which ldconfig(8) makes (/etc/ld.so.cache of glibc). */
#ifndef TIEXEC_LIBRARY_CACHE_H
#define TIEXEC_LIBRARY_CACHE_H

#include <stddef.h>
#include <stdint.h>

/* Where glibc has its list. */
#define LIBRARY_CACHE "/etc/ld.so.cache"

struct library_cache {
    const char *bytes; /* the list of glibc 2.2 and later; offsets in it count from here */
    size_t size;
    uint32_t count;
    const void *map; /* what is to be unmapped, if anything */
    size_t map_size;
};

/* Maps a file, as the dynamic linker does. Returns 0, and the caller calls library_cache_close; or
 * -errno. -EINVAL: it is no such list, or of another byte order. */
int library_cache_open(const char *path, struct library_cache *cache);

/* The same for a file whose bytes are at hand, and outlive the cache. */
int library_cache_from_memory(const void *bytes, size_t size, struct library_cache *cache);

/* Gives the path of the next library of this CPU with a name; NULL: there is no more. A name may
 * have several, for several models of the CPU. *at is 0 at first, and is kept by the caller. */
const char *library_cache_find(const struct library_cache *cache, const char *name, uint32_t *at);

void library_cache_close(struct library_cache *cache);

#endif
