/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/taking.h"

#include "proc/pagemap.h"
#include "ptrace/memory.h"
#include "ptrace/remote.h"
#include "replay/moving.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EXECUTABLE "/proc/self/exe"
#define PAGE_MAX   65536

struct taking {
    const struct steps *steps;
    struct place *place;
    struct inferior *inferior;
    uint64_t aside_size; /* of the memory mapped at any place; 0: there is none */
    bool is_moved, has_file;
};

static int call(const struct taking *taking, long number, const uint64_t args[6], int64_t *result)
{
    struct tracee *thread = inferior_thread(taking->inferior, 0);
    return thread ? remote_syscall(taking->inferior, thread, number, args, result) : -ESRCH;
}

/* Tells whether the result of a system call is -errno. */
static bool is_error(int64_t result) { return result < 0 && result > -4096; }

static uint64_t value_of(const struct taking *taking, const struct step *step, size_t i)
{
    return step->values[i] + taking->place->bases[step->bases[i]];
}

static int take_open(struct taking *taking)
{
    struct tracee *thread = inferior_thread(taking->inferior, 0);
    uint64_t args[6] = {(uint64_t)AT_FDCWD, 0, O_RDONLY | O_CLOEXEC};
    int64_t fd = -1;
    int err = !thread ? -ESRCH
                      : remote_syscall_with(taking->inferior, thread,
                                            remote_syscall_number("openat"), args, 1, EXECUTABLE,
                                            sizeof EXECUTABLE, &fd);
    if (err || fd < 0)
        return err ? err : (int)fd;
    taking->place->bases[STEP_FILE] = (uint64_t)fd;
    taking->has_file = true;
    return 0;
}

static void unmap(const struct taking *taking, uint64_t address, uint64_t size)
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

/* Copies memory where it differs; `buffer` has room for it twice. */
static int copy(struct inferior *inferior, uint64_t to, uint64_t from, size_t size, char *buffer)
{
    int err = memory_read(inferior, from, buffer, size);
    if (!err)
        err = memory_read(inferior, to, buffer + size, size);
    if (!err && memcmp(buffer, buffer + size, size) != 0)
        err = memory_write(inferior, to, buffer, size);
    return err;
}

static int take_copy(struct taking *taking, const struct step *step)
{
    uint64_t size = step->values[2];
    char *buffer = size <= PAGE_MAX ? malloc(2 * (size_t)size) : NULL;
    int err = !buffer ? -ENOMEM
                      : copy(taking->inferior, value_of(taking, step, 1), value_of(taking, step, 0),
                             (size_t)size, buffer);
    free(buffer);
    return err;
}

static int take_move(struct taking *taking)
{
    struct tracee *thread = inferior_thread(taking->inferior, 0);
    uint64_t distance = taking->place->bases[STEP_OLD] - taking->place->bases[STEP_NEW];
    int err = thread ? moving_tell(taking->inferior, thread, taking->place->stack_stop, distance)
                     : -ESRCH;
    taking->is_moved |= !err;
    return err;
}

static int take_look(const struct taking *taking, const struct step *step)
{
    struct pagemap sums;
    uint64_t start = value_of(taking, step, 0), size = value_of(taking, step, 1);
    int err = pagemap_scan(taking->inferior->pid, start, start + size, &sums);
    return err || sums.file_huge >= size ? err : -EPROTO;
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
        return take_look(taking, step);
    default:
        return -EINVAL;
    }
}

/* ---- taking back ---- */

/* Takes back what steps up to `count` have mapped, of a program that is not moved. */
static void unmap_all(const struct taking *taking, size_t count)
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
static void protect(const struct taking *taking)
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
    struct taking taking = {.steps = steps, .place = place, .inferior = inferior};
    size_t count = 0;
    int err = 0;
    while (!err && count < steps->step_count) {
        err = take(&taking, &steps->list[count]);
        count += !err;
    }
    if (err)
        take_back(&taking, count);
    return err;
}
