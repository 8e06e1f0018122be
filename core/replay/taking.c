/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/taking.h"

#include "base/file.h"
#include "proc/pagemap.h"
#include "proc/process.h"
#include "ptrace/memory.h"
#include "ptrace/registers.h"
#include "ptrace/remote.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EXECUTABLE "/proc/self/exe"
#define BELOW      1024 /* more than a leaf function may use below its stack pointer */
#define LOAN_MAX   128
#define PAGE_MAX   65536

struct taking {
    const struct steps *steps;
    struct place *place;
    struct inferior *inferior;
    struct tracee *thread;
    uint64_t sp, aside_size; /* of the memory mapped at any place; 0: there is none */
    bool is_moved, has_file;
};

static int call(struct taking *taking, long number, const uint64_t args[6], int64_t *result)
{
    return number < 0 ? -ENOSYS
                      : remote_syscall(taking->inferior, taking->thread, number, args, result);
}

/* Makes a call with some bytes below the stack, whose address is put into args[at]. */
static int call_with(struct taking *taking, long number, uint64_t args[6], size_t at,
                     const void *bytes, size_t size, int64_t *result)
{
    char before[LOAN_MAX];
    args[at] = (taking->sp - BELOW - size) & ~(uint64_t)15;
    int err = memory_read(taking->inferior, args[at], before, size);
    if (!err)
        err = memory_write(taking->inferior, args[at], bytes, size);
    if (err)
        return err;
    err = call(taking, number, args, result);
    int back = memory_write(taking->inferior, args[at], before, size);
    return err ? err : back;
}

/* Tells whether the result of a system call is -errno. */
static bool is_error(int64_t result) { return result < 0 && result > -4096; }

static uint64_t value_of(const struct taking *taking, const struct step *step, size_t i)
{
    return step->values[i] + taking->place->bases[step->bases[i]];
}

static int take_open(struct taking *taking)
{
    uint64_t args[6] = {(uint64_t)AT_FDCWD, 0, O_RDONLY | O_CLOEXEC};
    int64_t fd = -1;
    int err = call_with(taking, remote_syscall_number("openat"), args, 1, EXECUTABLE,
                        sizeof EXECUTABLE, &fd);
    if (err || fd < 0)
        return err ? err : (int)fd;
    taking->place->bases[STEP_FILE] = (uint64_t)fd;
    taking->has_file = true;
    return 0;
}

static void unmap(struct taking *taking, uint64_t address, uint64_t size)
{
    const uint64_t args[6] = {address, size};
    int64_t ignored;
    call(taking, remote_syscall_number("munmap"), args, &ignored);
}

/* Takes memory that was mapped at any place. */
static int take_aside(struct taking *taking, uint64_t address, uint64_t size)
{
    taking->place->bases[STEP_ASIDE] = address;
    taking->aside_size = size;
    return address % taking->steps->huge ? -EPROTO : 0;
}

static int take_call(struct taking *taking, const struct step *step)
{
    uint64_t args[6];
    int64_t result = 0;
    for (size_t i = 0; i < 6; i++)
        args[i] = value_of(taking, step, i + 1);
    int err = call(taking, step->call, args, &result);
    if (!err && step->call == remote_syscall_number("close"))
        taking->has_file = false;
    if (!err && step->bases[0] == STEP_ASIDE && !taking->aside_size && !is_error(result))
        return take_aside(taking, (uint64_t)result, args[1]);
    if (err || (uint64_t)result == value_of(taking, step, 0))
        return err;
    if (step->call == remote_syscall_number("mmap") && !is_error(result))
        unmap(taking, (uint64_t)result, args[1]); /* the kernel chose another place */
    return -EPROTO;
}

static int take_copy(struct taking *taking, const struct step *step)
{
    static char its[PAGE_MAX], there[PAGE_MAX];
    uint64_t from = value_of(taking, step, 0), to = value_of(taking, step, 1);
    uint64_t size = step->values[2];
    int err = size <= PAGE_MAX ? memory_read(taking->inferior, from, its, size) : -E2BIG;
    if (!err)
        err = memory_read(taking->inferior, to, there, size);
    if (!err && memcmp(its, there, size) != 0)
        err = memory_write(taking->inferior, to, its, size);
    return err;
}

/* ---- the program's new place is told ---- */

/* Finds the auxiliary vector, of whose bytes the kernel has a copy, on the stack. */
static int find_vector(const struct taking *taking, char **bytes, size_t *size, uint64_t *address)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/auxv", (int)taking->inferior->pid);
    int err = file_read_at_once(path, bytes, size);
    if (!err)
        err = memory_search(taking->inferior, taking->sp, taking->place->stack_stop - taking->sp,
                            *bytes, *size, address);
    return err;
}

static void move_down(char *bytes, size_t size, uint64_t distance)
{
    for (size_t at = 0; at + 16 <= size; at += 16) {
        uint64_t entry[2];
        memcpy(entry, bytes + at, sizeof entry);
        if (entry[0] == AT_PHDR || entry[0] == AT_ENTRY)
            entry[1] -= distance;
        memcpy(bytes + at, entry, sizeof entry);
    }
}

/* Tells the kernel (PR_SET_MM_MAP, which needs no capability; Linux 3.18). */
static int tell_kernel(struct taking *taking, uint64_t vector, size_t size, uint64_t distance)
{
    struct process_layout layout;
    int64_t result = -1;
    int err = process_layout(taking->inferior->pid, &layout);
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
                               .auxv = (void *)vector, /* NOLINT: an address of the program's */
                               .auxv_size = (uint32_t)size,
                               .exe_fd = UINT32_MAX};
    uint64_t args[6] = {PR_SET_MM, PR_SET_MM_MAP, 0, sizeof map, 0, 0};
    err = call_with(taking, remote_syscall_number("prctl"), args, 2, &map, sizeof map, &result);
    return err ? err : (int)result;
}

static int take_move(struct taking *taking)
{
    uint64_t distance = taking->place->bases[STEP_OLD] - taking->place->bases[STEP_NEW], address;
    char *bytes = NULL;
    size_t size = 0;
    int err = find_vector(taking, &bytes, &size, &address);
    if (!err) {
        move_down(bytes, size, distance);
        err = memory_write(taking->inferior, address, bytes, size);
    }
    if (!err) {
        err = tell_kernel(taking, address, size, distance);
        if (err) {
            move_down(bytes, size, -distance);
            memory_write(taking->inferior, address, bytes, size);
        }
    }
    free(bytes);
    taking->is_moved |= !err;
    return err;
}

/* ---- all of them ---- */

static bool is_huge(const struct taking *taking)
{
    struct pagemap sums;
    uint64_t base = taking->place->bases[STEP_NEW];
    uint64_t start = base + taking->steps->text_start, stop = base + taking->steps->text_stop;
    return pagemap_scan(taking->inferior->pid, start, stop, &sums) == 0 &&
           sums.file_huge >= stop - start;
}

static int take(struct taking *taking, const struct step *step)
{
    switch (step->kind) {
    case STEP_OPEN:
        return take_open(taking);
    case STEP_CALL:
        return take_call(taking, step);
    case STEP_COPY:
        return take_copy(taking, step);
    case STEP_MOVE:
        return take_move(taking);
    case STEP_LOOK:
        return is_huge(taking) ? 0 : -EPROTO;
    default:
        return -EINVAL;
    }
}

/* Takes back what steps up to `count` have mapped, of a program that is not moved. */
static void unmap_all(struct taking *taking, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        const struct step *step = &taking->steps->list[i];
        bool is_new = step->bases[1] == STEP_NEW; /* the place of what it has mapped */
        if (step->kind == STEP_CALL && step->call == remote_syscall_number("mmap") && is_new)
            unmap(taking, value_of(taking, step, 1), value_of(taking, step, 2));
    }
}

static int bits_of(const char perms[4])
{
    return (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
           (perms[2] == 'x' ? PROT_EXEC : 0);
}

/* Protects the text that was to be on huge pages as it was before. */
static void protect(struct taking *taking)
{
    const struct steps *steps = taking->steps;
    uint64_t base = taking->place->bases[STEP_NEW];
    long number = remote_syscall_number("mprotect");
    for (size_t i = 0; i < steps->mapping_count; i++) {
        const struct steps_mapping *m = &steps->mappings[i];
        uint64_t start = m->start > steps->text_start ? m->start : steps->text_start;
        uint64_t stop = m->stop < steps->text_stop ? m->stop : steps->text_stop;
        uint64_t args[6] = {base + start, stop - start, (uint64_t)bits_of(m->perms)};
        int64_t ignored;
        if (start < stop)
            call(taking, number, args, &ignored);
    }
}

/* Unmaps what is left at the old place of a program that has been moved. */
static void leave_old(struct taking *taking, size_t count)
{
    for (size_t i = count; i < taking->steps->step_count; i++) {
        const struct step *step = &taking->steps->list[i];
        bool is_old = step->bases[1] == STEP_OLD;
        if (step->kind == STEP_CALL && step->call == remote_syscall_number("munmap") && is_old)
            take_call(taking, step);
    }
}

/* Ends what `count` steps have begun. */
static void take_back(struct taking *taking, size_t count)
{
    uint64_t args[6] = {taking->place->bases[STEP_FILE]};
    int64_t ignored;
    if (taking->has_file)
        call(taking, remote_syscall_number("close"), args, &ignored);
    if (taking->aside_size)
        unmap(taking, taking->place->bases[STEP_ASIDE], taking->aside_size);
    if (taking->is_moved)
        leave_old(taking, count);
    if (taking->is_moved || !taking->steps->is_moved)
        protect(taking);
    else
        unmap_all(taking, count);
}

int taking_all(const struct steps *steps, struct place *place, struct inferior *inferior)
{
    struct register_set set = {.size = 0};
    struct arch_register sp;
    struct taking taking = {.steps = steps,
                            .place = place,
                            .inferior = inferior,
                            .thread = inferior_thread(inferior, 0)};
    if (!taking.thread || !register_find("sp", &sp))
        return -ESRCH;
    int err = register_read(taking.thread, &sp, &set, &taking.sp);
    size_t count = 0;
    while (!err && count < steps->step_count) {
        err = take(&taking, &steps->list[count]);
        count += !err;
    }
    if (err)
        take_back(&taking, count);
    return err;
}
