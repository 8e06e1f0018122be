/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/moving.h"

#include "base/file.h"
#include "proc/process.h"
#include "ptrace/memory.h"
#include "ptrace/remote.h"

#include <elf.h>
#include <errno.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* The vector: its bytes, and where it is on the stack. */
struct vector {
    char *bytes; /* malloc'd */
    size_t size;
    uint64_t address;
};

/* Finds the vector on the stack, which has the same bytes as the kernel's own copy. */
static int find_vector(struct inferior *inferior, const struct tracee *thread, uint64_t stack_stop,
                       struct vector *vector)
{
    char path[32];
    struct arch_regs regs;
    snprintf(path, sizeof path, "/proc/%d/auxv", (int)inferior->pid);
    int err = arch_regs_get(thread->tid, &regs);
    if (!err)
        err = file_read_at_once(path, &vector->bytes, &vector->size);
    if (!err)
        err = memory_search(inferior, arch_sp(&regs), stack_stop - arch_sp(&regs), vector->bytes,
                            vector->size, &vector->address);
    return err;
}

/* Writes the vector with the program's addresses further down. */
static int write_vector(struct inferior *inferior, const struct vector *vector, uint64_t distance)
{
    for (size_t at = 0; at + 16 <= vector->size; at += 16) {
        uint64_t entry[2];
        memcpy(entry, vector->bytes + at, sizeof entry);
        if (entry[0] == AT_PHDR || entry[0] == AT_ENTRY)
            entry[1] -= distance;
        memcpy(vector->bytes + at, entry, sizeof entry);
    }
    return memory_write(inferior, vector->address, vector->bytes, vector->size);
}

/* PR_SET_MM_MAP needs no capability (Linux 3.18). */
static int tell_kernel(struct inferior *inferior, struct tracee *thread,
                       const struct vector *vector, uint64_t distance)
{
    struct process_layout layout;
    int64_t result = -1;
    int err = process_layout(inferior->pid, &layout);
    if (err)
        return err;
    struct prctl_mm_map map = {.start_code = layout.start_code - distance,
                               .end_code = layout.end_code - distance,
                               .start_data = layout.start_data - distance,
                               .end_data = layout.end_data - distance,
                               .start_brk = layout.start_brk,
                               .brk = layout.start_brk, /* the heap is empty yet */
                               .start_stack = layout.start_stack,
                               .arg_start = layout.arg_start,
                               .arg_end = layout.arg_end,
                               .env_start = layout.env_start,
                               .env_end = layout.env_end,
                               .auxv = (void *)vector->address, /* NOLINT: the program's */
                               .auxv_size = (uint32_t)vector->size,
                               .exe_fd = UINT32_MAX};
    uint64_t args[6] = {PR_SET_MM, PR_SET_MM_MAP, 0, sizeof map, 0, 0};
    err = remote_syscall_with(inferior, thread, remote_syscall_number("prctl"), args, 2, &map,
                              sizeof map, &result);
    return err ? err : (int)result;
}

int moving_tell(struct inferior *inferior, struct tracee *thread, uint64_t stack_stop,
                uint64_t distance)
{
    struct vector vector = {.bytes = NULL};
    int err = find_vector(inferior, thread, stack_stop, &vector);
    if (!err)
        err = write_vector(inferior, &vector, distance);
    if (!err) {
        err = tell_kernel(inferior, thread, &vector, distance);
        if (err)
            write_vector(inferior, &vector, -distance);
    }
    free(vector.bytes);
    return err;
}
