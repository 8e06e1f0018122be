/* SPDX-License-Identifier: Apache-2.0
 * Registers of a stopped thread, by GDB's names, and the whole of them to be put back. */
#ifndef TIEXEC_REGISTERS_H
#define TIEXEC_REGISTERS_H

#include "ptrace/tracee.h"

/* The register called `name` on this CPU, or by one of the names every CPU has (pc, sp, fp).
 * NULL: there is none. */
const struct arch_register *register_find(const char *name);

/* A register set as it was read last, for reading many registers of a thread that stays stopped.
 * Begins as {.size = 0}. */
struct register_set {
    enum arch_regset which;
    size_t size;
    char bytes[4096];
};

/* Reads or writes one register. `bytes` has register->size bytes, in the CPU's own order. `set` is
 * used and replaced as needed; NULL: the thread is asked. 0 or -errno; -ENOEXEC: the thread runs
 * 32-bit code. */
int register_read(const struct tracee *tracee, const struct arch_register *reg,
                  struct register_set *set, void *bytes);
int register_write(const struct tracee *tracee, const struct arch_register *reg, const void *bytes);

/* What a thread has beyond the general registers: floating-point and vector state and the like. */
struct extended_registers {
    size_t count;
    struct {
        int note;
        void *bytes; /* as PTRACE_GETREGSET gives it */
        size_t size;
    } sets[ARCH_EXTENDED_MAX];
};

/* Ended by extended_free. With `syscall` only what a system call takes away. 0 or -errno. */
int extended_save(const struct tracee *tracee, bool syscall, struct extended_registers *saved);
int extended_restore(const struct tracee *tracee, const struct extended_registers *saved);
void extended_free(struct extended_registers *saved);

/* All that running code in a thread could change: all registers, and blocked signals. */
struct registers {
    struct arch_regs general;
    uint64_t sigmask;
    struct extended_registers extended;
};

/* Ended by registers_free. 0 or -errno. */
int registers_save(const struct tracee *tracee, struct registers *saved);
int registers_restore(const struct tracee *tracee, const struct registers *saved);
void registers_free(struct registers *saved);

#endif
