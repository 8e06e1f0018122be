/* SPDX-License-Identifier: Apache-2.0
 * Writing core files: ELF files of type ET_CORE (core(5)) with notes and memory. */
#ifndef TIEXEC_CORE_FILE_H
#define TIEXEC_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core_segment {
    uint64_t address, size;
    uint64_t dumped; /* the first bytes of it that are written: 0 to `size` */
    uint32_t flags;  /* PF_R, PF_W, PF_X */
    bool sparse;     /* pages that the process does not have are zeros: memory of no file */
};

/* Reads memory that is to be written, and of which `sparse` is true or not. What cannot be read
 * becomes zeros. Returns 0, or -errno where nothing more shall be written. */
typedef int core_reader(void *context, uint64_t address, void *buffer, size_t size, bool sparse);

struct core_contents {
    const void *notes; /* as they stand in the file; their size may be 0 */
    size_t notes_size;
    const struct core_segment *segments;
    size_t count;
    core_reader *read;
    void *context;
};

/* Writes a core file of mode 600. Pages of zeros become holes of the file. Returns 0 or -errno;
 * then a regular file that was begun is removed. */
int core_file_write(const char *path, const struct core_contents *contents);

#endif
