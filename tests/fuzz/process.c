/* SPDX-License-Identifier: Apache-2.0
 * What /proc/PID/auxv, status and stat hold. */
#include "text.h"

#include "proc/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct process_identity identity;
    struct process_layout layout;
    struct auxv_entry *list;
    size_t count;
    uint64_t value;
    text_bytes = bytes;
    text_size = size;
    if (process_auxv(1, &list, &count) == 0) {
        if (count > size / sizeof *list)
            abort();
        free(list);
    }
    process_auxv_value(1, 9, &value);
    process_status(1, "TracerPid", 10, &value);
    process_status(1, "SigIgn", 16, &value);
    process_identity(1, &identity);
    process_layout(1, &layout);
    return 0;
}
