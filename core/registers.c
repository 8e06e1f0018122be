/* SPDX-License-Identifier: Apache-2.0 */
#include "registers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* Larger than any register set of today: x86-64 with AMX tiles has 11 KiB, SVE of 2048 bits 9 KiB. */
#define REGSET_MAX ((size_t)64 * 1024)

const struct arch_register *register_find(const char *name)
{
    const char *alias = arch_register_alias(name);
    if (alias)
        name = alias;
    for (size_t i = 0; i < arch_register_count; i++)
        if (strcmp(arch_registers[i].name, name) == 0)
            return &arch_registers[i];
    return NULL;
}

/* Reads the register set that `reg` is in. Two of them are enough for every register with a name;
 * both fit in `set`. */
static int read_set(const struct tracee *tracee, const struct arch_register *reg, char set[4096],
                    size_t *size)
{
    struct iovec iov = {set, 4096};
    struct arch_regs regs;
    int err = arch_regs_get(tracee->tid, &regs); /* tells 32-bit threads */
    if (err)
        return err;
    if (ptrace(PTRACE_GETREGSET, tracee->tid, arch_regset_note(reg->regset), &iov) < 0)
        return -errno;
    *size = iov.iov_len;
    return (size_t)reg->offset + reg->size <= iov.iov_len ? 0 : -ENOEXEC;
}

int register_read(const struct tracee *tracee, const struct arch_register *reg, void *bytes)
{
    char set[4096];
    size_t size;
    int err = read_set(tracee, reg, set, &size);
    if (!err)
        memcpy(bytes, set + reg->offset, reg->size);
    return err;
}

int register_write(const struct tracee *tracee, const struct arch_register *reg, const void *bytes)
{
    char set[4096];
    size_t size;
    int err = read_set(tracee, reg, set, &size);
    if (err)
        return err;
    memcpy(set + reg->offset, bytes, reg->size);
    struct iovec iov = {set, size};
    return ptrace(PTRACE_SETREGSET, tracee->tid, arch_regset_note(reg->regset), &iov) < 0 ? -errno : 0;
}

int registers_save(const struct tracee *tracee, struct registers *saved)
{
    *saved = (struct registers){.extended = malloc(REGSET_MAX)};
    if (!saved->extended)
        return -ENOMEM;
    struct iovec iov = {saved->extended, REGSET_MAX};
    int err = arch_regs_get(tracee->tid, &saved->general);
    if (!err)
        err = tracee_get_sigmask(tracee, &saved->sigmask);
    if (!err && ptrace(PTRACE_GETREGSET, tracee->tid, arch_extended_note(), &iov) < 0)
        err = -errno;
    saved->extended_size = iov.iov_len;
    if (err)
        registers_free(saved);
    return err;
}

int registers_restore(const struct tracee *tracee, const struct registers *saved)
{
    struct iovec iov = {saved->extended, saved->extended_size};
    if (ptrace(PTRACE_SETREGSET, tracee->tid, arch_extended_note(), &iov) < 0)
        return -errno;
    int err = arch_regs_set(tracee->tid, &saved->general);
    return err ? err : tracee_set_sigmask(tracee, saved->sigmask);
}

void registers_free(struct registers *saved)
{
    free(saved->extended);
    *saved = (struct registers){0};
}
