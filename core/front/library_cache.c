/* SPDX-License-Identifier: Apache-2.0 */
#include "front/library_cache.h"

#include "arch.h"
#include "front/bytes.h"
#include "front/system.h"

#include <limits.h>
#include <stdbool.h>

/* The formats are those of sysdeps/generic/dl-cache.h in glibc. */
#define OLD_MAGIC "ld.so-1.7.0" /* before it lies an older list, whose entries have 12 bytes */
#define NEW_MAGIC "glibc-ld.so.cache1.1"
#define OLD_HEAD  16
#define OLD_ENTRY 12

#define LITTLE_ENDIAN_MARK 2 /* in the lowest two bits of `flags`; 0: not told, before 2.33 */

struct head {
    char magic[sizeof NEW_MAGIC - 1];
    uint32_t count, strings_size;
    uint8_t flags, padding[3];
    uint32_t extension, unused[3];
};

struct entry {
    int32_t flags; /* what kind of library it is */
    uint32_t key, value; /* where the name and the path are */
    uint32_t os_version;
    uint64_t hardware;
};

/* Gives where the new list begins. */
static size_t start_of(const char *bytes, size_t size)
{
    uint32_t count;
    if (size < OLD_HEAD || !bytes_equal(bytes, OLD_MAGIC, sizeof OLD_MAGIC - 1))
        return 0;
    bytes_copy(&count, bytes + 12, sizeof count);
    uint64_t start = OLD_HEAD + (uint64_t)count * OLD_ENTRY;
    start = (start + 7) & ~UINT64_C(7);
    return start < size ? (size_t)start : size;
}

int library_cache_from_memory(const void *bytes, size_t size, struct library_cache *cache)
{
    struct head head;
    size_t start = start_of(bytes, size);
    cache->bytes = (const char *)bytes + start;
    cache->size = size - start;
    cache->map = NULL;
    if (cache->size < sizeof head)
        return -EINVAL;
    bytes_copy(&head, cache->bytes, sizeof head);
    unsigned order = head.flags & 3;
    if (!bytes_equal(head.magic, NEW_MAGIC, sizeof head.magic) ||
        (order && order != LITTLE_ENDIAN_MARK) ||
        head.count > (cache->size - sizeof head) / sizeof(struct entry))
        return -EINVAL;
    cache->count = head.count;
    return 0;
}

int library_cache_open(const char *path, struct library_cache *cache)
{
    struct stat st;
    const void *map = NULL;
    st.st_mode = 0;
    int fd = system_open(path);
    if (fd < 0)
        return fd;
    int err = system_stat_open(fd, &st);
    if (!err)
        err = S_ISREG(st.st_mode) && st.st_size > 0 ? 0 : -EINVAL;
    if (!err)
        map = system_map(fd, (size_t)st.st_size);
    system_close(fd);
    if (err || !map)
        return err ? err : -ENOMEM;
    err = library_cache_from_memory(map, (size_t)st.st_size, cache);
    cache->map = map;
    cache->map_size = (size_t)st.st_size;
    if (err)
        library_cache_close(cache);
    return err;
}

/* Tells whether there is a string in the list, with an end. */
static bool has_string(const struct library_cache *cache, uint32_t at)
{
    size_t room = at < cache->size ? cache->size - at : 0, most = room < PATH_MAX ? room : PATH_MAX;
    return room && bytes_length(cache->bytes + at, most) < most;
}

const char *library_cache_find(const struct library_cache *cache, const char *name, uint32_t *at)
{
    size_t size = bytes_length(name, PATH_MAX) + 1;
    while (*at < cache->count) {
        struct entry entry;
        bytes_copy(&entry, cache->bytes + sizeof(struct head) + (size_t)(*at)++ * sizeof entry,
               sizeof entry);
        if (entry.flags != ARCH_LIBRARY_KIND || entry.key >= cache->size ||
            size > cache->size - entry.key || !bytes_equal(cache->bytes + entry.key, name, size))
            continue;
        if (has_string(cache, entry.value))
            return cache->bytes + entry.value;
    }
    return NULL;
}

void library_cache_close(struct library_cache *cache)
{
    if (cache->map)
        system_unmap(cache->map, cache->map_size);
    cache->map = NULL;
}
