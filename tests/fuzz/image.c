/* SPDX-License-Identifier: Apache-2.0
 * The headers of ELF images: of a file of which only the first bytes are at hand, and of a file. */
#include "elf/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static int fd = -1;
    static char path[64];
    struct image image;
    if (fd < 0) {
        fd = memfd_create("image", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (image_from_memory(bytes, size, &image) == 0)
        image_free(&image);
    if (ftruncate(fd, 0) || pwrite(fd, bytes, size, 0) != (ssize_t)size)
        abort();
    if (image_open(path, &image) == 0) {
        image_is_native(&image);
        image_free(&image);
    }
    return 0;
}
