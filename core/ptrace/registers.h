/* SPDX-License-Identifier: Apache-2.0
 * Registers of a stopped thread: single ones by GDB's names, and all of them to be saved and put
 * back.
 *
 * Functions that return an int return 0 or -errno; -ENOEXEC: the thread runs 32-bit code; -ENODEV:
 * the CPU lacks the register. */
#ifndef TIEXEC_REGISTERS_H
#define TIEXEC_REGISTERS_H

#include "ptrace/tracee.h"

/* Finds a register, or a part of one, by GDB's name on this CPU, or by one of the names that every
 * CPU has (pc, sp, fp). False: there is none. */
bool register_find(const char *name, struct arch_register *reg);

/* A register set as it was read last. A caller that reads many registers of a thread, which stays
 * stopped meanwhile, spares system calls with it. It begins as {.size = 0}. */
struct register_set {
    enum arch_regset which;
    size_t size;
    char bytes[ARCH_REGSET_MAX];
};

/* Read or write one register. `bytes` has reg->size bytes, in the CPU's own order. `set` is used,
 * and is replaced where it is another set; NULL: the register is read from the thread. */
int register_read(const struct tracee *tracee, const struct arch_register *reg,
                  struct register_set *set, void *bytes);
int register_write(const struct tracee *tracee, const struct arch_register *reg, const void *bytes);

/* Reads a whole register set, by the type of its ELF note, as the kernel has it. *bytes is malloc'd
 * by this call and freed by the caller. Returns 0 or -errno: -EINVAL or -ENODEV: there is no such
 * set here. */
int regset_read(const struct tracee *tracee, int note, void **bytes, size_t *size);

/* The registers of a thread beyond the general ones: floating-point and vector state and the
 * like. */
struct extended_registers {
    size_t count;
    struct {
        int note;
        void *bytes; /* as PTRACE_GETREGSET gives it */
        size_t size;
    } sets[ARCH_EXTENDED_MAX];
};

/* Save and put back. With `syscall` only those sets are saved of which a system call takes
 * something away. What was saved is ended by extended_free, which may be called again. */
int extended_save(const struct tracee *tracee, bool syscall, struct extended_registers *saved);
int extended_restore(const struct tracee *tracee, const struct extended_registers *saved);
void extended_free(struct extended_registers *saved);

/* All that code which runs in a thread could change: all registers, and the blocked signals. */
struct registers {
    struct arch_regs general;
    uint64_t sigmask;
    struct extended_registers extended;
};

/* Save and put back. What was saved is ended by registers_free. */
int registers_save(const struct tracee *tracee, struct registers *saved);
int registers_restore(const struct tracee *tracee, const struct registers *saved);
void registers_free(struct registers *saved);

#endif
