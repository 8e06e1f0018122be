/* SPDX-License-Identifier: Apache-2.0
 * What stands in for the files of /proc: the linker has every call of file_read come here
 * (--wrap=file_read). */
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t *text_bytes;
static size_t text_size;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int __wrap_file_read(const char *path, char **data, size_t *size);

int __wrap_file_read(const char *path, char **data, size_t *size)
{
    (void)path;
    *data = malloc(text_size + 1);
    if (!*data)
        return -ENOMEM;
    if (text_size)
        memcpy(*data, text_bytes, text_size);
    (*data)[text_size] = '\0';
    *size = text_size;
    return 0;
}
