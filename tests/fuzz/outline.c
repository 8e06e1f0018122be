/* SPDX-License-Identifier: Apache-2.0
 * What a start reads of ELF files before Lua: their outline, and the dynamic linker's list of
 * libraries. */
#include "front/library_cache.h"
#include "front/outline.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void look_up(const uint8_t *bytes, size_t size)
{
    struct library_cache cache;
    uint32_t at = 0;
    if (library_cache_from_memory(bytes, size, &cache))
        return;
    for (const char *path; (path = library_cache_find(&cache, "libc.so.6", &at));)
        if (strlen(path) >= size)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct outline outline;
    int fd = memfd_create("outline", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    if (outline_read(fd, &outline) == 0) {
        outline_may_gain(&outline, 2 << 20, 4096, true);
        outline_may_gain(&outline, 65536, 4096, false);
    }
    close(fd);
    look_up(bytes, size);
    return 0;
}
