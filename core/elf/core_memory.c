/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/core_memory.h"

#include "proc/pagemap.h"
#include "proc/process.h"
#include "ptrace/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PAGES 256 /* that are asked about at a time */

void core_memory_open(struct inferior *inferior, struct core_memory *memory)
{
    int fd = process_open(inferior->pid, "pagemap", O_RDONLY);
    *memory = (struct core_memory){inferior, fd, 0};
}

/* Reads a run of bytes. If that cannot be done at once, it is done page by page. */
static int read_run(struct core_memory *memory, uint64_t address, char *buffer, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int err = memory_read(memory->inferior, address, buffer, size);
    if (!err || err == -ESRCH)
        return err;
    if (size <= page) {
        memset(buffer, 0, size);
        memory->unread += size;
        return 0;
    }
    err = 0;
    for (size_t at = 0; at < size && !err; at += page)
        err = read_run(memory, address + at, buffer + at, size - at < page ? size - at : page);
    return err;
}

/* Reads up to PAGES pages, of which those that the process lacks become zeros. */
static int read_present(struct core_memory *memory, uint64_t address, char *buffer, size_t size,
                        size_t page)
{
    bool present[PAGES];
    size_t count = (size + page - 1) / page;
    if (pagemap_present(memory->pagemap, address, count, present))
        return read_run(memory, address, buffer, size);
    int err = 0;
    for (size_t first = 0, next; first < count && !err; first = next) {
        for (next = first + 1; next < count && present[next] == present[first]; next++)
            ;
        size_t at = first * page, stop = next * page < size ? next * page : size;
        if (present[first])
            err = read_run(memory, address + at, buffer + at, stop - at);
        else
            memset(buffer + at, 0, stop - at);
    }
    return err;
}

int core_memory_read(void *context, uint64_t address, void *buffer, size_t size, bool sparse)
{
    struct core_memory *memory = context;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), most = PAGES * page;
    if (!sparse || memory->pagemap < 0)
        return read_run(memory, address, buffer, size);
    int err = 0;
    for (size_t at = 0; at < size && !err; at += most)
        err = read_present(memory, address + at, (char *)buffer + at,
                           size - at < most ? size - at : most, page);
    return err;
}

void core_memory_close(struct core_memory *memory)
{
    if (memory->pagemap >= 0)
        close(memory->pagemap);
    memory->pagemap = -1;
}
