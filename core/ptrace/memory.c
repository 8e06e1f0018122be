/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/memory.h"

#include "proc/process.h"
#include "ptrace/beside.h"
#include "ptrace/traps.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLICES_MAX 8
#define FIRST_LOOK 4096 /* the first read of a search: what is searched for is often near */

void memory_reopen(struct inferior *inferior)
{
    if (inferior->mem >= 0)
        close(inferior->mem);
    inferior->mem = process_open(inferior->pid, "mem", O_RDWR);
    if (inferior->mem == -ENOENT)
        inferior->mem = -ESRCH; /* there is no such process */
    if (inferior->mem < 0 || inferior_is_same(inferior))
        return;
    close(inferior->mem); /* another process has its id */
    inferior->mem = -ESRCH;
}

/* Transfers by process_vm_readv or process_vm_writev, which respect protections, until all is
 * done. */
static int transfer(pid_t pid, uint64_t address, void *buffer, size_t size, bool write)
{
    pid_t task = pid;
    address = arch_address(address);
    for (size_t done = 0; done < size;) {
        struct iovec local = {(char *)buffer + done, size - done};
        struct iovec remote = {(void *)(uintptr_t)(address + done), size - done};
        ssize_t n = write ? process_vm_writev(task, &local, 1, &remote, 1, 0)
                          : process_vm_readv(task, &local, 1, &remote, 1, 0);
        if (n < 0 && errno == ESRCH && task == pid) { /* its first thread may have ended */
            task = process_living(pid);
            if (task != pid)
                continue;
            errno = ESRCH;
        }
        if (n <= 0)
            return n < 0 ? -errno : -EFAULT;
        done += (size_t)n;
    }
    return 0;
}

/* Transfers by /proc/PID/mem, which overrides protections. */
static int forced_transfer(struct inferior *inferior, uint64_t address, void *buffer, size_t size,
                           bool write)
{
    if (inferior->mem < 0)
        memory_reopen(inferior);
    if (inferior->mem < 0)
        return inferior->mem;
    address = arch_address(address);
    for (size_t done = 0; done < size;) {
        char *at = (char *)buffer + done;
        off_t offset = (off_t)(address + done);
        ssize_t n = write ? pwrite(inferior->mem, at, size - done, offset)
                          : pread(inferior->mem, at, size - done, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ESRCH; /* 0: the address space is gone */
        done += (size_t)n;
    }
    return 0;
}

int memory_peek(struct inferior *inferior, uint64_t address, void *buffer, size_t size)
{
    int err = transfer(inferior->pid, address, buffer, size, false);
    if (err)
        err = forced_transfer(inferior, address, buffer, size, false);
    return !err && !inferior_is_same(inferior) ? -ESRCH : err;
}

int memory_poke(struct inferior *inferior, uint64_t address, const void *buffer, size_t size)
{
    return forced_transfer(inferior, address, (void *)(uintptr_t)buffer, size, true);
}

int memory_read(struct inferior *inferior, uint64_t address, void *buffer, size_t size)
{
    int err = memory_peek(inferior, address, buffer, size);
    if (!err)
        traps_hide(inferior, arch_address(address), buffer, size);
    return err;
}

int memory_write(struct inferior *inferior, uint64_t address, const void *buffer, size_t size)
{
    address = arch_address(address);
    if (!traps_overlap(inferior, address, size))
        return memory_poke(inferior, address, buffer, size);
    char *shown = malloc(size);
    if (!shown)
        return -ENOMEM;
    memcpy(shown, buffer, size);
    traps_show(inferior, address, shown, size);
    int err = memory_poke(inferior, address, shown, size);
    if (!err)
        traps_note(inferior, address, buffer, size);
    free(shown);
    return err;
}

int memory_search(struct inferior *inferior, uint64_t address, uint64_t size, const void *pattern,
                  size_t pattern_size, uint64_t *found)
{
    address = arch_address(address);
    size_t most = MEMORY_PIECE + pattern_size, room = FIRST_LOOK + pattern_size;
    char *buffer = pattern_size ? malloc(most) : NULL;
    if (!buffer)
        return pattern_size ? -ENOMEM : -EINVAL;
    int err = -ENOENT;
    /* Pieces overlap by the pattern's length less one: so each match lies wholly in some piece. */
    while (err == -ENOENT && size >= pattern_size) {
        size_t n = size < room ? (size_t)size : room;
        err = memory_read(inferior, address, buffer, n);
        if (err)
            break;
        const char *match = memmem(buffer, n, pattern, pattern_size);
        if (match) {
            *found = address + (uint64_t)(match - buffer);
            break;
        }
        err = -ENOENT;
        if (n == size)
            break;
        address += n - pattern_size + 1;
        size -= n - pattern_size + 1;
        room = most;
    }
    free(buffer);
    return err;
}

/* One slice of a range, which one thread works on. */
struct slice {
    memory_work *work;
    void *context;
    uint64_t at, size;
    int result;
};

static void *work_on_slice(void *argument)
{
    struct slice *slice = argument;
    slice->result = slice->work(slice->context, slice->at, slice->size);
    return NULL;
}

/* Gives how many threads are worth starting: one for each 4 MiB, and no more than there are
 * processors. */
static size_t slice_count(uint64_t size)
{
    cpu_set_t set;
    size_t most = size / (4 << 20), processors = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        processors = (size_t)CPU_COUNT(&set);
    if (processors > SLICES_MAX)
        processors = SLICES_MAX;
    return most < 1 ? 1 : most < processors ? most : processors;
}

int memory_in_parallel(uint64_t size, memory_work *work, void *context)
{
    struct slice slices[SLICES_MAX];
    pthread_t threads[SLICES_MAX];
    beside_end_any(); /* other CPUs are to work, too */
    size_t count = slice_count(size), started = 0;
    uint64_t each = (size / count) & ~(uint64_t)(MEMORY_PIECE - 1);
    for (size_t i = 0; i < count; i++)
        slices[i] = (struct slice){work, context, i * each,
                                   i + 1 < count ? each : size - i * each, 0};
    while (started + 1 < count &&
           pthread_create(&threads[started], NULL, work_on_slice, &slices[started]) == 0)
        started++;
    for (size_t i = started; i < count; i++) /* the last slice, and those that got no thread */
        work_on_slice(&slices[i]);
    int err = 0;
    for (size_t i = 0; i < count; i++) {
        if (i < started)
            pthread_join(threads[i], NULL);
        if (!err)
            err = slices[i].result;
    }
    return err;
}

struct copy {
    struct inferior *inferior; /* not changed by the threads: memory_reopen was called before */
    uint64_t to, from;
};

static int copy_slice(void *context, uint64_t at, uint64_t size)
{
    const struct copy *copy = context;
    pid_t pid = copy->inferior->pid;
    char *piece = malloc(2 * MEMORY_PIECE), *back = piece ? piece + MEMORY_PIECE : NULL;
    int err = piece ? 0 : -ENOMEM;
    for (uint64_t stop = at + size; !err && at < stop;) {
        size_t n = stop - at < MEMORY_PIECE ? (size_t)(stop - at) : MEMORY_PIECE;
        err = memory_read(copy->inferior, copy->from + at, piece, n);
        if (!err && traps_overlap(copy->inferior, copy->to + at, n))
            err = memory_write(copy->inferior, copy->to + at, piece, n);
        else if (!err)
            err = transfer(pid, copy->to + at, piece, n, true);
        if (!err)
            err = memory_read(copy->inferior, copy->to + at, back, n);
        if (!err && memcmp(piece, back, n) != 0)
            err = -EILSEQ;
        at += n;
    }
    free(piece);
    return err;
}

int memory_copy(struct inferior *inferior, uint64_t to, uint64_t from, uint64_t size)
{
    struct copy copy = {inferior, to, from};
    if (inferior->mem < 0)
        memory_reopen(inferior);
    return memory_in_parallel(size, copy_slice, &copy);
}
