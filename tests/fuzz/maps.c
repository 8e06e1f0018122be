/* SPDX-License-Identifier: Apache-2.0
 * The texts of /proc/PID/maps and smaps. */
#include "text.h"

#include "proc/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    text_bytes = bytes;
    text_size = size;
    for (int details = 0; details < 4; details++) {
        struct maps maps;
        size_t sum = 0;
        if (maps_read(1, (enum maps_detail)details, &maps))
            continue;
        for (size_t i = 0; i < maps.count; i++)
            sum += strlen(maps.list[i].path) + strlen(maps.list[i].perms) +
                   strlen(maps.list[i].vm_flags);
        maps_free(&maps);
        if (sum > 3 * size + 4 * size) /* every string lies within the text */
            abort();
    }
    return 0;
}
