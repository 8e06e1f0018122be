/* SPDX-License-Identifier: Apache-2.0
 * What is the same for every CPU of what core/ needs to know of it. Each arch/CPU/arch.h includes
 * this, and has the rest. */
#ifndef TIEXEC_ARCH_INTERFACE_H
#define TIEXEC_ARCH_INTERFACE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arch_regs; /* the general registers of one stopped thread */
struct arch_register;

/* ---- registers ---- */

/* A feature of GDB's target descriptions. `types` is XML. `registers` has a line for each, in the
 * order in which GDB numbers them: its name, its size in bytes (and after a colon how many of them
 * there are, if the others are zeros), its type, which may have its group after a slash; and, if it
 * is a part of one of arch_registers, that one's name and the bytes that are before the part. */
struct arch_feature {
    const char *name, *types, *registers;
};
extern const struct arch_feature arch_features[];
extern const size_t arch_feature_count;
extern const char arch_gdb_name[]; /* of this CPU */

/* Translates a name that means the same on every CPU (pc, sp, fp), or that GDB knows beside the one
 * here (lr on AArch64), to the register's name here. NULL: `name` is none of them, or needs no
 * translation. */
const char *arch_register_alias(const char *name);

/* Finds a register that is a part of another one, by GDB's name for it (eax, r8d, ax, ah; w0, q0,
 * d0, s0, h0, b0). */
bool arch_register_within(const char *name, struct arch_register *part);

/* Take a register's bytes from its register set of `size` bytes, and put them there. 0 or -errno:
 * -ENODEV: this CPU lacks the register; -ENOEXEC: the thread runs 32-bit code. */
int arch_register_get(const struct arch_register *reg, const void *set, size_t size, void *bytes);
int arch_register_put(const struct arch_register *reg, void *set, size_t size, const void *bytes);

/* Read and write the general registers of a stopped thread. 0 or -errno; -ENOEXEC: the thread runs
 * 32-bit code, so that its register set has another length. */
int arch_regs_get(pid_t tid, struct arch_regs *regs);
int arch_regs_set(pid_t tid, const struct arch_regs *regs);

/* Where the caller's address is, if it is not so many bytes above sp (arch_return_place). */
enum { ARCH_IN_FRAME = -1, ARCH_IN_LINK_REGISTER = -2 };

/* ---- debug registers and traps ---- */

/* Each slot of a stopped thread watches one instruction, or some bytes of data. */
enum arch_debug_kind { ARCH_DEBUG_EXECUTE, ARCH_DEBUG_WRITE, ARCH_DEBUG_READ, ARCH_DEBUG_ACCESS };

/* Set and clear a slot. 0 or -errno; -EINVAL: the CPU cannot watch that range at once; -ENOSPC: it
 * has fewer slots. A range that lies within 8 bytes aligned to 8 can be cut into pieces by
 * arch_watch_piece, which gives the length of the first. */
int arch_debug_set(pid_t tid, unsigned slot, enum arch_debug_kind kind, uint64_t address,
                   unsigned size);
int arch_debug_clear(pid_t tid, unsigned slot);

/* Why a thread has got SIGTRAP. */
enum arch_trap_cause {
    ARCH_TRAP_OTHER,       /* somebody has sent it */
    ARCH_TRAP_INSTRUCTION, /* a software breakpoint instruction */
    ARCH_TRAP_STEP,        /* one instruction was executed, as the tracer had asked */
    ARCH_TRAP_DEBUG        /* a debug register */
};
struct arch_trap {
    enum arch_trap_cause cause;
    uint32_t slots;   /* those that have triggered, as far as the CPU tells */
    uint64_t address; /* of the data that was touched, or of the instruction; 0: see `slots` */
};

/* Reads why a thread has got a SIGTRAP. `stepped` says that it was to execute one instruction;
 * `watched`, that slots watch data. 0 or -errno. */
int arch_trap_read(pid_t tid, const siginfo_t *info, bool stepped, bool watched,
                   struct arch_trap *trap);

/* Tells whether the kernel itself has made a SIGTRAP that is pending: for a trap instruction, a
 * debug register or a step. `stepped` says that the thread was to execute one instruction. */
bool arch_trap_is_kernels(const siginfo_t *info, bool stepped);

/* What an instruction does that a single step of it must know of. The last two are x86-64's. */
enum arch_insn_kind {
    ARCH_INSN_PLAIN,
    ARCH_INSN_SYSCALL,  /* it enters the kernel for a system call */
    ARCH_INSN_REPEATED, /* a step executes one round of it, and the pc stays */
    ARCH_INSN_FLAGS     /* it stores the flags, with that of the single step: arch_step_mend */
};
enum arch_insn_kind arch_insn_kind(const uint8_t *bytes, size_t size);

/* Make an instruction, of at most ARCH_MADE_MOST bytes, and give its length: a jump to what lies
 * `distance` bytes behind the jump's first byte, a multiple of 4 of less than 128 MiB; a return to
 * the caller. */
enum { ARCH_MADE_MOST = 8 };
size_t arch_make_jump(uint8_t *bytes, int32_t distance);
size_t arch_make_return(uint8_t *bytes);

/* ---- memory ---- */

/* arch_has_protections tells whether this CPU has protections of memory beyond reading, writing and
 * executing. arch_protections gives their bits, as mmap and mprotect take them (PROT_BTI), for the
 * VmFlags of a mapping in smaps; -1: the mapping has one that a copy would not have (memory
 * tags). */
bool arch_has_protections(void);
int arch_protections(const char *vm_flags);

#endif
