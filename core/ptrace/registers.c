/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/registers.h"

#include "base/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* More than any register set has. The largest today is ZA of SME, of 64 KiB and a header. */
#define REGSET_MAX ((size_t)68 * 1024)

bool register_find(const char *name, struct arch_register *reg)
{
    const char *alias = arch_register_alias(name);
    if (alias)
        name = alias;
    for (size_t i = 0; i < arch_register_count; i++)
        if (strcmp(arch_registers[i].name, name) == 0) {
            *reg = arch_registers[i];
            return true;
        }
    return arch_register_within(name, reg);
}

/* Reads the register set that `reg` is in. Every set that has a register with a name fits into
 * `set`. */
static int read_set(const struct tracee *tracee, const struct arch_register *reg,
                    struct register_set *set)
{
    struct iovec iov = {set->bytes, sizeof set->bytes};
    struct arch_regs regs;
    set->size = 0;
    bool general = reg->regset == ARCH_REGSET_GENERAL; /* its size tells of a 32-bit thread */
    int err = general ? 0 : arch_regs_get(tracee->tid, &regs);
    if (err)
        return err;
    err = request_regset(PTRACE_GETREGSET, tracee->tid, arch_regset_note(reg->regset), &iov);
    if (err)
        return err;
    if (general && iov.iov_len != sizeof regs.user)
        return -ENOEXEC;
    set->which = reg->regset;
    set->size = iov.iov_len;
    return 0;
}

int register_read(const struct tracee *tracee, const struct arch_register *reg,
                  struct register_set *set, void *bytes)
{
    struct register_set own; /* it is large: only what is looked at is set */
    int err = 0;
    own.size = 0;
    own.which = reg->regset;
    if (!set)
        set = &own;
    if (set->size == 0 || set->which != reg->regset)
        err = read_set(tracee, reg, set);
    return err ? err : arch_register_get(reg, set->bytes, set->size, bytes);
}

int register_write(const struct tracee *tracee, const struct arch_register *reg, const void *bytes)
{
    struct register_set set;
    int err = read_set(tracee, reg, &set);
    if (!err)
        err = arch_register_put(reg, set.bytes, set.size, bytes);
    if (err)
        return err;
    struct iovec iov = {set.bytes, set.size};
    int note = arch_regset_note(reg->regset);
    return request_regset(PTRACE_SETREGSET, tracee->tid, note, &iov);
}

int regset_read(const struct tracee *tracee, int note, void **bytes, size_t *size)
{
    struct iovec iov = {malloc(REGSET_MAX), REGSET_MAX};
    if (!iov.iov_base)
        return -ENOMEM;
    int err = request_regset(PTRACE_GETREGSET, tracee->tid, note, &iov);
    if (err) {
        free(iov.iov_base);
        return err;
    }
    *bytes = iov.iov_base;
    *size = iov.iov_len;
    return 0;
}

/* Saves one register set. `room` is of REGSET_MAX bytes; what the kernel puts there is copied. */
static int save_set(const struct tracee *tracee, int note, void *room,
                    struct extended_registers *saved)
{
    struct iovec iov = {room, REGSET_MAX};
    int err = request_regset(PTRACE_GETREGSET, tracee->tid, note, &iov);
    if (err)
        return err;
    void *bytes = malloc(iov.iov_len);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, room, iov.iov_len);
    saved->sets[saved->count].note = note;
    saved->sets[saved->count].bytes = bytes;
    saved->sets[saved->count++].size = iov.iov_len;
    return 0;
}

int extended_save(const struct tracee *tracee, bool syscall, struct extended_registers *saved)
{
    int notes[ARCH_EXTENDED_MAX];
    size_t count = arch_extended_notes(tracee->tid, syscall, notes);
    *saved = (struct extended_registers){0};
    if (!count)
        return 0;
    void *room = malloc(REGSET_MAX);
    int err = room ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && !err; i++)
        err = save_set(tracee, notes[i], room, saved);
    free(room);
    if (err)
        extended_free(saved);
    return err;
}

int extended_restore(const struct tracee *tracee, const struct extended_registers *saved)
{
    for (size_t i = 0; i < saved->count; i++) {
        struct iovec iov = {saved->sets[i].bytes, saved->sets[i].size};
        int err = request_regset(PTRACE_SETREGSET, tracee->tid, saved->sets[i].note, &iov);
        if (err)
            return err;
    }
    return 0;
}

void extended_free(struct extended_registers *saved)
{
    for (size_t i = 0; i < saved->count; i++)
        free(saved->sets[i].bytes);
    *saved = (struct extended_registers){0};
}

int registers_save(const struct tracee *tracee, struct registers *saved)
{
    *saved = (struct registers){0};
    int err = arch_regs_get(tracee->tid, &saved->general);
    if (!err)
        err = tracee_get_sigmask(tracee, &saved->sigmask);
    return err ? err : extended_save(tracee, false, &saved->extended);
}

int registers_restore(const struct tracee *tracee, const struct registers *saved)
{
    int err = extended_restore(tracee, &saved->extended);
    if (!err)
        err = arch_regs_set(tracee->tid, &saved->general);
    return err ? err : tracee_set_sigmask(tracee, saved->sigmask);
}

void registers_free(struct registers *saved)
{
    extended_free(&saved->extended);
    *saved = (struct registers){0};
}
